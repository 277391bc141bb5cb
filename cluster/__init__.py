"""Work on other machines, or in other processes, by way of Dask."""
