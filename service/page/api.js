// What the page asks of the server. A token, where one is needed, is kept for this tab alone.

const KEY = "impasto.token";

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

let askForToken = async () => false;

/** `ask()` shows a dialog and resolves to a token. */
export function onTokenNeeded(ask) {
  askForToken = ask;
}

/** `fetch` with the token; a refusal is an error with the server's sentence. */
export async function request(path, init = {}) {
  const token = sessionStorage.getItem(KEY);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let answer;
  try {
    answer = await fetch(path, { ...init, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "The server cannot be reached.");
  }
  if (answer.status === 401) {
    sessionStorage.setItem(KEY, await askForToken());
    return request(path, init);
  }
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}));
    throw new Refused(answer.status, told.message ?? "The server cannot do that now.");
  }
  return answer;
}

export async function json(path, init) {
  return (await request(path, init)).json();
}

/** The address of a picture, as an object of this page: an <img> cannot bear a token. */
export async function picture(path) {
  return URL.createObjectURL(await (await request(path)).blob());
}

/** Calls `news(name, data)` for each event of a job, to its end; reconnects until then. */
export async function watch(id, news, signal) {
  for (;;) {
    try {
      const answer = await request(`/api/jobs/${id}/events`, { signal });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        text += value;
        const events = text.split("\n\n");
        text = events.pop();
        for (const event of events) {
          const found = /^event: (\w+)\ndata: (.*)$/.exec(event);
          if (found && news(found[1], JSON.parse(found[2]))) return;
        }
      }
    } catch (error) {
      if (signal.aborted || error.status === 404) throw error;
      news("lost");
    }
    await new Promise((resolve) => setTimeout(resolve, 1500));
    if (signal.aborted) return;
  }
}
