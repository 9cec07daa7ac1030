// expect: failed | Error: reported
reportError(new Error("reported"));
await new Promise((resolve) => setTimeout(resolve, 1));
