// expect: completed | 5
Promise.resolve(Promise.resolve(Promise.resolve(5)));
