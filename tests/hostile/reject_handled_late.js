// expect: completed | caught
const promise = Promise.reject(new Error("late"));
promise.catch(() => {});
"caught";
