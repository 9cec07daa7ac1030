// expect: failed/timed_out | Out of memory: V8 heap limit exceeded
// flags: --execution-timeout 3
const all = [], registry = new FinalizationRegistry(() => {});
for (;;) { const o = {}; registry.register(o, {}, o); all.push(new WeakRef(o)); }
