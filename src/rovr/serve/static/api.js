// The server's routes. Every failure is an Error whose message can be shown as it is.

const ask = async (method, path, body) => {
  let answer;
  try {
    answer = await fetch(path, { method, body, headers: method === "GET" ? {} : { "x-rovr": "1" } });
  } catch {
    throw Object.assign(new Error("ROVR does not answer. Is it still running in the terminal?"), { offline: true });
  }
  if (answer.status === 204) return null;
  const text = await answer.text();
  let data = null;
  try { data = JSON.parse(text); } catch { /* said below */ }
  if (!answer.ok) throw Object.assign(new Error((data && data.error) || text || `The server said ${answer.status}.`), { status: answer.status });
  return data;
};

export const api = {
  state: (seen) => ask("GET", `/api/state?seen=${seen.join()}`),
  sample: () => ask("POST", "/api/sample"),
  close: (clip) => ask("DELETE", `/api/clips/${clip}`),
  job: (clip, asked) => ask("POST", `/api/clips/${clip}/jobs`, JSON.stringify(asked)),
  end: (job) => ask("DELETE", `/api/jobs/${job}`),
  settle: (job, layer) => ask("POST", `/api/jobs/${job}/layer/${layer}`),
  times: (clip) => ask("GET", `/api/clips/${clip}/times`),
  edits: (job, first) => ask("GET", `/api/jobs/${job}/edits/${first}`),

  picture: (clip, of, frame, width) => `/api/clips/${clip}/picture/${of}/${frame}?width=${width}`,
  made: (job, name) => `/api/jobs/${job}/made/${name}`,
  repaired: (job, frame, width) => `/api/jobs/${job}/repaired/${frame}?width=${width}`,
  origin: (job, frame, width) => `/api/jobs/${job}/origin/${frame}?width=${width}`,
  doubt: (job, frame) => `/api/jobs/${job}/doubt/${frame}`,
  hole: (job, frame, width) => `/api/jobs/${job}/hole/${frame}?width=${width}`,
  download: (job, name) => `/api/jobs/${job}/download/${name}`,

  // A file goes as it is, with progress from 0 to 1; ``stop`` breaks it off.
  send: (path, file, progress) => {
    const request = new XMLHttpRequest();
    const done = new Promise((resolve, reject) => {
      request.open("POST", `${path}?name=${encodeURIComponent(file.name)}`);
      request.setRequestHeader("x-rovr", "1");
      request.upload.addEventListener("progress", (event) => event.lengthComputable && progress(event.loaded / event.total));
      request.addEventListener("load", () => {
        let data = {};
        try { data = JSON.parse(request.responseText); } catch { /* said below */ }
        if (request.status < 300) resolve(data);
        else reject(new Error(data.error || request.responseText || `The server said ${request.status}.`));
      });
      request.addEventListener("error", () => reject(new Error("The file could not be sent: it is a folder, is gone or too large, or ROVR no longer runs.")));
      request.addEventListener("abort", () => reject(Object.assign(new Error("Stopped."), { stopped: true })));
      request.send(file);
    });
    return { done, stop: () => request.abort() };
  },
};
