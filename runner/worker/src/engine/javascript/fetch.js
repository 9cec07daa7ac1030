// `fetch` as on the web. Classes are Deno's; the transport is the host's, which asks its policy, follows
// redirects, and decompresses.

(function () {
  const { core, primordials } = __bootstrap;
  const {
    op_stasis_fetch,
    op_stasis_fetch_close,
    op_stasis_fetch_number,
    op_stasis_fetch_read,
    op_stasis_fetch_write,
  } = core.ops;
  const {
    ArrayPrototypePush,
    ArrayPrototypeSome,
    MathMin,
    ObjectPrototypeIsPrototypeOf,
    Promise,
    PromisePrototypeThen,
    SafeFinalizationRegistry,
    StringPrototypeStartsWith,
    StringPrototypeToLowerCase,
    TypedArrayPrototypeGetByteLength,
    TypedArrayPrototypeGetSymbolToStringTag,
    TypedArrayPrototypeSubarray,
    TypeError,
  } = primordials;

  const webidl = core.loadExtScript("ext:deno_webidl/00_webidl.js");
  const abortSignal = core.loadExtScript("ext:deno_web/03_abort_signal.js");
  const {
    errorReadableStream,
    readableByteStreamControllerClose,
    readableByteStreamControllerEnqueue,
    ReadableStream,
  } = core.loadExtScript("ext:deno_web/06_streams.js");
  const { Headers } = core.loadExtScript("ext:deno_fetch/20_headers.js");
  const { FormData } = core.loadExtScript("ext:deno_fetch/21_formdata.js");
  const { InnerBody } = core.loadExtScript("ext:deno_fetch/22_body.js");
  const { Request, toInnerRequest } = core.loadExtScript("ext:deno_fetch/23_request.js");
  const { fromInnerResponse, Response } = core.loadExtScript("ext:deno_fetch/23_response.js");

  // The host's MAX_CHUNK_BYTES and MAX_CONTENT_BYTES.
  const CHUNK = 1 << 20;
  const WHOLE = 16 << 20;

  const isBytes = (value) => TypedArrayPrototypeGetSymbolToStringTag(value) === "Uint8Array";

  // Tells the host that nobody wants the rest. What becomes of that is of no interest.
  const close = (number) => PromisePrototypeThen(op_stasis_fetch_close(number), undefined, () => {});

  // Bodies that nobody reads any more would be kept open until the run ends.
  const abandoned = new SafeFinalizationRegistry(close);

  // The body as bytes if it is at hand and not too large to be sent at once, else as a stream.
  const bodyOf = async (body) => {
    if (body === null) return { bytes: null, stream: null };
    const at = body.streamOrStatic.body;
    const bytes = typeof at === "string" ? core.encode(at) : at;
    if (isBytes(bytes)) {
      if (TypedArrayPrototypeGetByteLength(bytes) <= WHOLE) return { bytes, stream: null };
    } else if (body.source !== null && body.length !== null && body.length <= WHOLE) {
      return { bytes: await body.consume(), stream: null };
    }
    return { bytes: null, stream: body.stream };
  };

  // Passes a stream on until it ends, as fast as the host takes it.
  const send = async (number, stream, running) => {
    const reader = stream.getReader();
    running.reader = reader;
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (running.aborted) return;
        if (done) {
          await op_stasis_fetch_write(number, null);
          return;
        }
        if (!isBytes(value)) {
          throw new TypeError("a request's body has to be a stream of Uint8Array");
        }
        const length = TypedArrayPrototypeGetByteLength(value);
        for (let at = 0; at < length; at += CHUNK) {
          const piece = TypedArrayPrototypeSubarray(value, at, MathMin(at + CHUNK, length));
          await op_stasis_fetch_write(number, piece);
        }
      }
    } catch (error) {
      PromisePrototypeThen(reader.cancel(error), undefined, () => {});
      throw error;
    }
  };

  // The body of a response: each pull is a question to the host.
  const bodyStream = (number) => {
    const token = { __proto__: null };
    const stream = new ReadableStream({
      type: "bytes",
      async pull(controller) {
        const chunk = await op_stasis_fetch_read(number);
        if (chunk !== null) {
          readableByteStreamControllerEnqueue(controller, chunk);
          return;
        }
        abandoned.unregister(token);
        readableByteStreamControllerClose(controller);
        controller.byobRequest?.respond(0);
      },
      cancel() {
        abandoned.unregister(token);
        close(number);
      },
    }, { highWaterMark: 0 });
    abandoned.register(stream, number, token);
    return stream;
  };

  const headersOf = (request) => {
    const headers = [];
    for (let i = 0; i < request.headerList.length; i++) {
      ArrayPrototypePush(headers, request.headerList[i]);
    }
    const has = (name) =>
      ArrayPrototypeSome(headers, (header) => StringPrototypeToLowerCase(header[0]) === name);
    if (!has("accept")) ArrayPrototypePush(headers, ["accept", "*/*"]);
    if (!has("accept-language")) ArrayPrototypePush(headers, ["accept-language", "*"]);
    return headers;
  };

  // An object URL is answered here.
  const fromBlob = (request) => {
    if (request.method !== "GET") throw new TypeError("a blob: URL can only be fetched with GET");
    const blob = request.blobUrlEntry;
    return innerResponse({
      status: 200,
      statusText: "OK",
      headers: [["content-length", `${blob.size}`], ["content-type", blob.type]],
      url: request.currentUrl(),
      redirected: false,
    }, request, blob.stream());
  };

  const innerResponse = (answer, request, stream) => {
    const urlList = answer.redirected ? [request.currentUrl(), answer.url] : [answer.url];
    return {
      type: "basic",
      status: answer.status,
      statusMessage: answer.statusText,
      headerList: answer.headers,
      body: stream === null ? null : new InnerBody(stream),
      bodyDecoded: false,
      urlList,
      url: () => urlList[urlList.length - 1],
    };
  };

  // Carries a request out; `running` tells whoever aborts it what there is to stop.
  const carryOut = async (request, running) => {
    if (request.blobUrlEntry !== null) return fromBlob(request);
    const { bytes, stream } = await bodyOf(request.body);
    if (running.aborted) return null;
    const number = op_stasis_fetch_number();
    running.number = number;
    const fetching = op_stasis_fetch({
      fetch: number,
      method: request.method,
      url: request.currentUrl(),
      headers: headersOf(request),
      redirect: request.redirectMode,
      streamed: stream !== null,
    }, bytes);
    const sent = stream === null ? undefined : send(number, stream, running);
    // The response may come before the whole body has gone, and then counts; a body that fails before it
    // fails the request.
    const failed = new Promise((_, reject) => {
      if (sent !== undefined) {
        PromisePrototypeThen(sent, undefined, (error) => {
          if (!running.answered) close(number);
          reject(error);
        });
      }
    });
    PromisePrototypeThen(failed, undefined, () => {});
    const answer = await new Promise((resolve, reject) => {
      PromisePrototypeThen(fetching, resolve, reject);
      PromisePrototypeThen(failed, undefined, reject);
    });
    running.answered = true;
    running.stream = answer.hasBody ? bodyStream(number) : null;
    return innerResponse(answer, request, running.stream);
  };

  function fetch(input, init = undefined) {
    const length = arguments.length;
    return new Promise((resolve, reject) => {
      webidl.requiredArguments(length, 1, "Failed to execute 'fetch'");
      const requestObject = new Request(input, init);
      const request = toInnerRequest(requestObject);
      const signal = requestObject.signal;
      const running = { __proto__: null, aborted: false, answered: false, number: -1, reader: null, stream: null };
      const abort = () => {
        running.aborted = true;
        reject(signal.reason);
        const ignored = (promise) => PromisePrototypeThen(promise, undefined, () => {});
        if (running.reader !== null) ignored(running.reader.cancel(signal.reason));
        else if (request.body !== null && !request.body.unusable()) request.body.cancel(signal.reason);
        if (running.number >= 0) close(running.number);
        if (running.stream !== null) errorReadableStream(running.stream, signal.reason);
      };
      if (signal.aborted) {
        abort();
        return;
      }
      signal[abortSignal.add](abort);
      PromisePrototypeThen(carryOut(request, running), (response) => {
        if (response !== null) resolve(fromInnerResponse(response, "immutable"));
      }, (error) => {
        signal[abortSignal.remove](abort);
        reject(error);
      });
    });
  }

  // --- WebAssembly from a response: the web's shorthand for compiling its bytes ---

  const wasmBytes = async (source) => {
    const response = await source;
    if (!ObjectPrototypeIsPrototypeOf(Response.prototype, response)) {
      throw new TypeError("WebAssembly is compiled from a Response, or a promise of one");
    }
    const type = StringPrototypeToLowerCase(response.headers.get("content-type") ?? "");
    if (!StringPrototypeStartsWith(type, "application/wasm")) {
      throw new TypeError(`WebAssembly has the content type application/wasm, and not "${type}"`);
    }
    if (!response.ok) throw new TypeError(`there is no WebAssembly in a response of status ${response.status}`);
    return await response.arrayBuffer();
  };
  const streaming = ({ compile, instantiate }) => ({
    async compileStreaming(source) {
      return await compile(await wasmBytes(source));
    },
    async instantiateStreaming(source, imports) {
      return await instantiate(await wasmBytes(source), imports);
    },
  });

  return { fetch, FormData, Headers, Request, Response, streaming };
})();
