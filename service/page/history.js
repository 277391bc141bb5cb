// The jobs that the server still has, the youngest first.

import { json, picture, request } from "./api.js";

const WORDS = { queued: "waiting", running: "painting", failed: "failed", cancelled: "cancelled" };
const shown = new Map();

async function thumbnail(id) {
  if (!shown.has(id)) shown.set(id, await picture(`/api/jobs/${id}/thumbnail`));
  return shown.get(id);
}

function entry(job, current, open, refresh) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  const when = new Date(job.created * 1000);
  const time = when.toLocaleString([], { dateStyle: "short", timeStyle: "short" });
  const state = WORDS[job.state] ?? "painted";
  button.type = "button";
  button.className = "open";
  button.setAttribute("aria-label", `Show the picture of ${time}: ${state}`);
  button.setAttribute("aria-current", String(job.id === current));
  button.addEventListener("click", () => open(job.id));
  if (job.state === "done") {
    const image = document.createElement("img");
    image.alt = "";
    thumbnail(job.id).then((source) => (image.src = source)).catch(() => {});
    button.append(image);
  } else {
    button.textContent = state;
  }
  const line = document.createElement("div");
  line.className = "line";
  const told = document.createElement("span");
  told.textContent = time;
  line.append(told);
  if (!["queued", "running"].includes(job.state)) {
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "remove";
    remove.textContent = "remove";
    remove.setAttribute("aria-label", `Remove the picture of ${time}`);
    remove.addEventListener("click", async () => {
      await request(`/api/jobs/${job.id}`, { method: "DELETE" });
      await refresh();
    });
    line.append(remove);
  }
  item.append(button, line);
  return item;
}

export async function showHistory(list, card, current, open) {
  const refresh = () => showHistory(list, card, current, open);
  const jobs = await json("/api/jobs");
  list.replaceChildren(...jobs.map((job) => entry(job, current, open, refresh)));
  card.hidden = jobs.length === 0;
}
