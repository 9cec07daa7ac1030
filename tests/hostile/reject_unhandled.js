// expect: failed | Error: nobody caught me
Promise.reject(new Error("nobody caught me"));
await new Promise((resolve) => setTimeout(resolve, 5));
1;
