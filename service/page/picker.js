// A place for one file: dropped, chosen or pasted by keyboard. What it is, the server finds out.

export class Picker {
  constructor(area, changed) {
    this.file = null;
    this.area = area;
    this.input = area.querySelector("input");
    this.image = area.querySelector("img");
    this.name = area.querySelector(".name");
    this.changed = changed;
    this.input.addEventListener("change", () => this.take(this.input.files[0]));
    for (const kind of ["dragenter", "dragover"]) {
      area.addEventListener(kind, (event) => {
        event.preventDefault();
        area.classList.add("over");
      });
    }
    area.addEventListener("dragleave", () => area.classList.remove("over"));
    area.addEventListener("drop", (event) => {
      event.preventDefault();
      area.classList.remove("over");
      this.take(event.dataTransfer.files[0]);
    });
    this.image.addEventListener("error", () => {
      this.image.hidden = true;
    });
  }

  take(file) {
    if (!file) return;
    this.show(file);
    this.changed(file);
  }

  clear() {
    this.show(null);
    this.input.value = "";
  }

  show(file) {
    if (this.image.src) URL.revokeObjectURL(this.image.src);
    this.file = file;
    this.area.classList.toggle("filled", Boolean(file));
    this.name.textContent = file ? file.name : "";
    this.image.hidden = !file;
    if (file) this.image.src = URL.createObjectURL(file);
    else this.image.removeAttribute("src");
  }
}
