// expect: completed | []
// then: 1 + 1 => 2
// Standard input is the socket to the supervisor; whoever could read it would take its messages away.
const names = ["/proc/self/fd/0", "/proc/self/fd/1", "/proc/thread-self/fd/2", "/proc/self/mem", "/proc/self/environ", "/dev/stdin", "/dev/fd/0", "/dev/fd/3", "/dev/zero", "/dev/tty"];
const urls = names.flatMap((name) => [name, `file://${name}`, `file://localhost${name}`, `file:///..${name}`, `unix:${name}`, `fd:${name}`]);
urls.push("-", "unix:///var/run/docker.sock", "http+unix://%2Fproc%2Fself%2Ffd%2F0/", "stdin:", "fd:0", "file:0", "data:;fd=0,", "about:blank");
const reached = [];
for (const url of urls) {
  for (const type of [undefined, "json", "text", "bytes"]) {
    await import(url, type && { with: { type } }).then(() => reached.push(`${url} ${type}`), () => {});
  }
}
reached;
