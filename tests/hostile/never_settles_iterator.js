// expect: failed | nothing can settle
for await (const x of { [Symbol.asyncIterator]() { return { next: () => new Promise(() => {}) }; } });
