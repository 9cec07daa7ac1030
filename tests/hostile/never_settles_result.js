// expect: failed | nothing can settle
new Promise(() => {});
