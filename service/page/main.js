// The page: what is chosen, and the job that is shown. Its name is in the address, so that a reload
// in the middle finds it again.

import { json, onTokenNeeded, picture, request, watch } from "./api.js";
import { Compare } from "./compare.js";
import { showHistory } from "./history.js";
import { Picker } from "./picker.js";

const $ = (id) => document.getElementById(id);
const canvas = $("canvas");
const compare = new Compare($("compare"));
const photo = new Picker($("photo-drop"), ready);
const painting = new Picker($("style-drop"), () => {
  for (const radio of $("styles").querySelectorAll("input")) radio.checked = false;
  ready();
});
let watching = new AbortController();
let sending = false;

onTokenNeeded(
  () =>
    new Promise((resolve) => {
      $("ask-form").onsubmit = (event) => {
        event.preventDefault();
        $("ask").close();
        resolve($("token").value.trim());
      };
      if (!$("ask").open) $("ask").showModal();
    }),
);

// Sliders: equal steps are equal factors where a factor is meant.
const weight = () => Math.round(15 * 2 ** (($("weight").value - 20) / 5) * 100) / 100;
const scale = () => Math.round(2 ** ($("scale").value / 5) * 100) / 100;
const TOLD = {
  size: () => `${$("size").value} pixels`,
  weight: () => `${weight()}`,
  scale: () => `${scale()} ×`,
  strength: () => `${$("strength").value} %`,
};
for (const [name, told] of Object.entries(TOLD)) {
  const show = () => {
    $(`${name}-told`).textContent = told();
    $(name).setAttribute("aria-valuetext", told());
  };
  $(name).addEventListener("input", show);
  show();
}

function style() {
  return $("styles").querySelector("input:checked");
}

function ready() {
  problem("");
  if (sending || location.hash) return;
  if (!photo.file) say("Choose a photograph and a painting.");
  else if (!painting.file && !style()) say("Now choose a painting.");
  else say("Everything is there: paint it.");
}

function say(text) {
  if ($("status").textContent !== text) $("status").textContent = text;
}

function problem(text) {
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

function show(state) {
  $("frame").dataset.state = state;
  $("empty").hidden = state !== "empty";
  canvas.hidden = !["waiting", "painting"].includes(state) || !canvas.src;
  $("progress").hidden = !["waiting", "painting"].includes(state);
  $("cancel").hidden = !["waiting", "painting"].includes(state);
  $("cancel").disabled = false;
  $("download").hidden = state !== "done";
  if (state !== "done") compare.hide();
}

$("job").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (sending) return;
  if (!photo.file) return refuse("Choose a photograph first.", $("photo"));
  if (!painting.file && !style()) return refuse("Choose a painting first.", $("style"));
  const form = new FormData();
  // Under a name of ours: what a file is called is nobody's business.
  form.append("content", photo.file, "content");
  if (painting.file) form.append("style", painting.file, "style");
  else form.append("style_name", style().value);
  form.append(
    "options",
    JSON.stringify({
      size: Number($("size").value),
      style_weight: weight(),
      style_scale: scale(),
      strength: $("strength").value / 100,
      color: $("color").value,
    }),
  );
  sending = true;
  $("paint").disabled = true;
  problem("");
  say("Sending the pictures …");
  try {
    const job = await json("/api/jobs", { method: "POST", body: form });
    open(job.id);
    $("easel").focus({ preventScroll: true });
    $("easel").scrollIntoView({ block: "nearest" });
  } catch (error) {
    refuse(sentence(error.message), $("paint"));
    say("Nothing was painted.");
  } finally {
    sending = false;
    $("paint").disabled = false;
  }
});

function refuse(text, where) {
  problem(text);
  where.focus();
}

function sentence(text) {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

$("cancel").addEventListener("click", async () => {
  $("cancel").disabled = true;
  say("Cancelling …");
  await request(`/api/jobs/${location.hash.slice(1)}`, { method: "DELETE" }).catch((error) => {
    $("cancel").disabled = false;
    say(sentence(error.message));
  });
});

function open(id) {
  if (location.hash.slice(1) === id) follow(id);
  else location.hash = id;
}

addEventListener("hashchange", () => follow(location.hash.slice(1)));

async function follow(id) {
  watching.abort();
  watching = new AbortController();
  const { signal } = watching;
  canvas.removeAttribute("src");
  history();
  if (!/^[0-9a-f]{32}$/.test(id)) {
    show("empty");
    return ready();
  }
  show("waiting");
  say("Looking …");
  try {
    await watch(id, (name, data) => !signal.aborted && news(id, name, data), signal);
  } catch (error) {
    if (signal.aborted) return;
    show("empty");
    say(error.status === 404 ? "That picture is not kept any more." : sentence(error.message));
  }
}

/** Takes one event; true at the end of the job. */
function news(id, name, data) {
  if (name === "lost") say("The server cannot be reached; trying again …");
  if (name === "progress") progress(data);
  if (name === "preview") {
    canvas.src = `data:image/jpeg;base64,${data}`;
    canvas.alt = "The picture, as far as it is painted";
    show("painting");
  }
  if (name !== "state") return false;
  history();
  if (data.state === "queued") say("Waiting for its turn …");
  if (data.state === "running") say("Mixing colours …");
  if (["queued", "running"].includes(data.state)) {
    $("progress").removeAttribute("value");
    show("waiting");
    return false;
  }
  if (data.state === "done") finished(id, data);
  else {
    show("empty");
    if (data.state === "cancelled") say("Cancelled.");
    else say(sentence(data.error?.message ?? "it could not be painted"));
  }
  return true;
}

function progress(data) {
  const share = (data.level - 1 + data.iteration / Math.max(1, data.iterations)) / data.levels;
  const known = data.remaining !== null && data.seconds + data.remaining > 0;
  const done = known ? data.seconds / (data.seconds + data.remaining) : share;
  $("progress").value = Math.min(1, done);
  const left = known ? `, about ${duration(data.remaining)} left` : "";
  say(`Painting, scale ${data.level} of ${data.levels}${left}`);
}

function duration(seconds) {
  if (seconds < 60) return `${Math.ceil(seconds / 5) * 5 || 5} s`;
  return `${Math.ceil(seconds / 60)} min`;
}

async function finished(id, job) {
  const [before, after] = await Promise.all(
    ["before", "result"].map((name) => picture(`/api/jobs/${id}/${name}`)),
  );
  if (location.hash.slice(1) !== id) return;
  show("done");
  await compare.show(before, after);
  $("download").href = after;
  say(`Painted: ${job.width} × ${job.height}, in ${Math.round(job.seconds)} s.`);
}

function history() {
  showHistory($("history"), $("history-card"), location.hash.slice(1), open).catch(() => {});
}

async function begin() {
  const limits = await json("/api/settings");
  $("size").max = limits.size;
  const names = await json("/api/styles");
  for (const [place, name] of names.entries()) {
    const label = document.createElement("label");
    const radio = document.createElement("input");
    const image = document.createElement("img");
    const text = document.createElement("span");
    label.className = "style";
    Object.assign(radio, { type: "radio", name: "named", value: name, className: "hidden" });
    radio.checked = place === 0;
    radio.addEventListener("change", () => {
      painting.clear();
      ready();
    });
    image.alt = "";
    text.textContent = name.replace(/^style[_-]/, "").replaceAll(/[_-]+/g, " ");
    label.append(radio, image, text);
    $("styles").append(label);
    picture(`/api/styles/${encodeURIComponent(name)}/thumbnail`)
      .then((source) => (image.src = source))
      .catch(() => {});
  }
  await follow(location.hash.slice(1));
}

begin().catch((error) => say(sentence(error.message)));
