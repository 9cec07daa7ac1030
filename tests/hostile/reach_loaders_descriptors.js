// expect: completed | []
const urls = ["file:///proc/self/fd/0", "file:///dev/stdin", "/dev/fd/0", "unix:/proc/self/fd/0", "unix:///run/docker.sock", "ws+unix:/dev/fd/0", "fd:0"];
const loaders = ["fetch", "Request", "Response", "XMLHttpRequest", "WebSocket", "WebSocketStream", "EventSource", "Worker", "SharedWorker", "WebTransport", "Cache", "importScripts", "require", "open", "read", "readFile", "load", "readline", "quit", "os", "std", "fs", "process"];
const reached = [];
const read = async (value) => value?.text?.() ?? value?.body?.getReader?.().read();
for (const name of loaders) {
  for (const url of urls) {
    for (const call of [(f) => f(url), (f) => new f(url), (f) => f.readFile(url), (f) => f.open(url)]) {
      try {
        const text = await read(await call(globalThis[name]));
        // A response may be made of the URL's own text.
        if (text !== undefined && text !== url && text !== "") reached.push(`${name} ${url}`);
      } catch {}
    }
  }
}
reached;
