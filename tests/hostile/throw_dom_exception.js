// expect: failed | QuotaExceededError
crypto.getRandomValues(new Uint8Array(65537));
