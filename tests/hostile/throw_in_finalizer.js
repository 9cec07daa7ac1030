// expect: completed/failed | 1 ; Error: finalizer
const registry = new FinalizationRegistry(() => { throw new Error("finalizer"); });
for (let i = 0; i < 1e5; i++) registry.register({}, i);
await new Promise((resolve) => setTimeout(resolve, 20));
1;
