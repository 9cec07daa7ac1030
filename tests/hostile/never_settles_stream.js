// expect: failed | nothing can settle
await new ReadableStream({}).getReader().read();
