// expect: completed | 1
globalThis.addEventListener?.("unhandledrejection", (event) => event.preventDefault());
globalThis.onerror = () => true;
Promise.reject(new Error("x"));
1;
