// expect: failed/timed_out
// flags: --execution-timeout 3
const all = [], registry = new FinalizationRegistry(() => {});
for (;;) { const o = {}; registry.register(o, {}, o); all.push(new WeakRef(o)); }
