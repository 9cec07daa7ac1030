// expect: failed | Uncaught [value that cannot be shown]
const { proxy, revoke } = Proxy.revocable({}, {});
revoke();
throw proxy;
