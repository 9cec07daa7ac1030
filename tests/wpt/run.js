// Runs one file of the web platform tests; `WPT` is what `tests/tests/it/wpt` puts before this.
// Gives how many tests passed, and what the others said.

globalThis.GLOBAL = { isWindow: () => false, isWorker: () => true, isShadowRealm: () => false };
(0, eval)(WPT.testharness);
// Not before: the harness would take this for a page.
globalThis.location = { href: WPT.address, search: WPT.variant, toString: () => WPT.address };

// What nobody catches fails a test, and must not end the others.
for (const type of ['error', 'unhandledrejection']) addEventListener(type, (event) => event.preventDefault());

// Test data is beside the tests; there is no server to ask for it.
const realFetch = globalThis.fetch;
globalThis.fetch = (address, ...rest) => {
  const text = WPT.data[address];
  if (text === undefined) return realFetch(address, ...rest);
  return Promise.resolve({ ok: true, text: async () => text, json: async () => JSON.parse(text) });
};

const outcome = await new Promise((resolve) => {
  const results = [];
  const finish = (harness) => {
    clearTimeout(clock);
    const failures = results.filter((it) => it.status !== 0).map((it) => `${it.name}: ${it.message}`);
    resolve({ harness, passed: results.length - failures.length, total: results.length, failures });
  };
  const clock = setTimeout(finish, WPT.milliseconds, 'some tests do not end');
  add_result_callback((test) => results.push(test));
  add_completion_callback((tests, { status, message }) => {
    finish(status === 0 ? null : `${message ?? 'the harness failed'}`);
  });
  try {
    (0, eval)(WPT.source);
  } catch (error) {
    finish(`${error}`);
  }
});
JSON.stringify(outcome);
