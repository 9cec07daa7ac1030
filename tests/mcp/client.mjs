// Drives a server with the official TypeScript SDK, and prints one line of JSON: what came of it.
//
//   node client.mjs stdio COMMAND [ARGUMENT…]
//   node client.mjs http URL
//   node client.mjs sse URL
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CallToolResultSchema, CreateTaskResultSchema, EmptyResultSchema, LoggingMessageNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';

const [kind, target, ...rest] = process.argv.slice(2);
const transports = {
  stdio: () => new StdioClientTransport({ command: target, args: rest, env: process.env }),
  http: () => new StreamableHTTPClientTransport(new URL(target)),
  sse: () => new SSEClientTransport(new URL(target)),
};
const transport = transports[kind]();
const client = new Client({ name: 'stasis-tests', version: '1.0.0' });
const log = [];
client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => log.push(params));
await client.connect(transport);

// Calls a tool, and checks that what it gives is there twice.
const call = async (name, args, options) => {
  const result = await client.callTool({ name, arguments: args }, undefined, options);
  if (result.structuredContent && !isDeepStrictEqual(result.structuredContent, JSON.parse(result.content[0].text))) {
    throw new Error(`the text of ${name} is not its structured content`);
  }
  return result;
};
const run = async (args, options) => (await call('run_js', args, options)).structuredContent;

const report = { server: client.getServerVersion().name };
// The SDK checks every structured result against the output schemas that are listed here.
report.tools = (await client.listTools()).tools.map((tool) => tool.name);
report.prompts = (await client.listPrompts()).prompts.length;
report.templates = (await client.listResourceTemplates()).resourceTemplates.length;

const hello = await run({ code: "console.log('hello'); 6 * 7" });
report.call = [hello.status, hello.result, hello.output];
const uri = `stasis://executions/${hello.execution_id}/output`;
report.resource = (await client.readResource({ uri })).contents[0].text;

const failed = await call('run_js', { code: "throw new TypeError('no')" });
report.error = [failed.isError, failed.structuredContent.status, failed.structuredContent.error.split('\n')[0]];
report.bad_argument = (await call('run_js', { code: 1 })).isError;
report.unknown_tool = await client.callTool({ name: 'run_py', arguments: {} }).then(() => null, (error) => error.code);

const busy = (milliseconds) => `const end = Date.now() + ${milliseconds}; while (Date.now() < end); 'late'`;
let told = 0;
const late = await run({ code: busy(2500), wait_secs: 20 }, { onprogress: () => (told += 1) });
report.progress = [late.result, told > 0];

const withdrawal = new AbortController();
const options = { signal: withdrawal.signal, onprogress: () => withdrawal.abort('enough') };
report.withdrawn = await run({ code: 'for (;;);', wait_secs: 60 }, options).then(() => false, () => true);
const newest = async () => (await call('list_executions', { limit: 1 })).structuredContent.executions[0];
const { execution_id } = await newest();
report.cancelled = (await call('get_execution', { execution_id, wait_secs: 10 })).structuredContent.status;

const session = randomUUID();
const first = await run({ code: 'let counter = 1; counter', session });
report.resumed = (await run({ code: 'counter += 1; counter', session })).result;
const history = (await call('list_session_snapshots', { session, fields: 'index,input_heap' })).structuredContent;
report.history = history.entries.map((entry) => [entry.index, entry.input_heap === first.heap]);
const left = await run({ code: 'counter += 10; counter', heap: first.heap });
const right = await run({ code: 'counter += 20; counter', heap: first.heap });
report.branches = [left.result, right.result, left.heap !== right.heap];

// The SDK makes a task of each call of a tool that says that it can be one.
const { tasks } = client.experimental;
const follow = async (code) => {
  const told = [];
  let id;
  let last;
  for await (const message of tasks.callToolStream({ name: 'run_js', arguments: { code } })) {
    if (message.type !== told.at(-1)) told.push(message.type);
    if (message.type === 'taskCreated') id = message.task.taskId;
    last = message;
  }
  return { id, last, told };
};
const followed = await follow("console.log('hello'); 6 * 7");
const record = followed.last.result.structuredContent;
report.task = [record.status, record.result, record.execution_id === followed.id];
const lost = await follow("throw new TypeError('no')");
report.followed = [followed.told.join(' '), lost.told.join(' ')];
const { status, statusMessage } = await tasks.getTask(lost.id);
const result = await tasks.getTaskResult(lost.id, CallToolResultSchema);
report.failed_task = [status, statusMessage.split('\n')[0], result.isError, result.structuredContent.status];
const endless = { method: 'tools/call', params: { name: 'run_js', arguments: { code: 'for (;;);' } } };
const { task } = await client.request(endless, CreateTaskResultSchema, { task: { ttl: 60000 } });
report.cancelled_task = [task.status, (await tasks.cancelTask(task.taskId)).status, (await tasks.getTask(task.taskId)).status];
report.cancelled_twice = await tasks.cancelTask(task.taskId).then(() => null, (error) => error.code);
const listed = (await tasks.listTasks()).tasks.slice(0, 3);
report.tasks = listed.map((each) => [each.status, [task.taskId, lost.id, followed.id].indexOf(each.taskId)]);

// So far nothing was asked for.
report.silent = log.length === 0;
const print = async (level, code) => {
  await client.setLoggingLevel(level);
  log.length = 0;
  const { execution_id } = await run({ code, wait_secs: 60 });
  return log.map(({ level, logger, data }) => (logger === `execution/${execution_id}` ? [level, data] : logger));
};
report.log = await print('warning', "console.log('l'); console.warn('w'); console.error('e')");
const loud = { method: 'logging/setLevel', params: { level: 'loud' } };
report.bad_level = await client.request(loud, EmptyResultSchema).then(() => null, (error) => error.code);
const flood = await print('info', 'for (let line = 0; line < 3000; line++) console.log(line)');
report.flood = [flood.length, flood[999], flood[1000][0], flood[1000][1].split(',')[0]];
const long = await print('info', "console.log('x'.repeat(600_000)); console.log('after')");
const text = long.map(([, data]) => data).join('');
const notice = text.replace(/^x+/, '');
report.long_line = [text.length - notice.length, notice.split(',')[0]];

await client.close();
console.log(JSON.stringify(report));
// Connections that are kept for later would keep this process as well.
process.exit();
