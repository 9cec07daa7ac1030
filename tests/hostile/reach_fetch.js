// expect: completed | undefined undefined undefined undefined undefined
[typeof fetch, typeof XMLHttpRequest, typeof WebSocket, typeof Worker, typeof navigator.sendBeacon].join(" ");
