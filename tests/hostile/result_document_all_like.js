// expect: completed
Object.setPrototypeOf(() => {}, null);
