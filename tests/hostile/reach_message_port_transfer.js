// expect: completed | 8 true
const { port1, port2 } = new MessageChannel();
const buffer = new ArrayBuffer(8);
const received = new Promise((resolve) => (port1.onmessage = (event) => resolve(event.data)));
port2.postMessage(buffer, [buffer]);
`${(await received).byteLength} ${buffer.detached}`;
