"""Drives a server with the official Python SDK, and prints one line of JSON: what came of it.

python client.py REVISION stdio COMMAND [ARGUMENT...]
python client.py REVISION http URL
python client.py REVISION sse URL

REVISION is "legacy" for the handshake of 2025-11-25, or "auto" for the newest that the server has.
"""

import json
import sys
import uuid

import anyio
import mcp_types as types
from mcp.client import Client
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError

BUSY = "const end = Date.now() + 2500; while (Date.now() < end); 'late'"


def transport(kind, target, *rest):
    if kind == "stdio":
        return stdio_client(StdioServerParameters(command=target, args=list(rest)))
    return sse_client(target) if kind == "sse" else target


async def drive(client, log):
    async def call(name, arguments, **options):
        """Calls a tool, and checks that what it gives is there twice."""
        result = await client.call_tool(name, arguments, **options)
        if result.structured_content is not None:
            assert result.structured_content == json.loads(result.content[0].text), name
        return result

    async def run(arguments, **options):
        return (await call("run_js", arguments, **options)).structured_content

    report = {"server": client.server_info.name, "revision": client.protocol_version}
    report["tools"] = [tool.name for tool in (await client.list_tools()).tools]
    report["prompts"] = len((await client.list_prompts()).prompts)
    report["templates"] = len((await client.list_resource_templates()).resource_templates)

    hello = await run({"code": "console.log('hello'); 6 * 7"})
    report["call"] = [hello["status"], hello["result"], hello["output"]]
    uri = f"stasis://executions/{hello['execution_id']}/output"
    report["resource"] = (await client.read_resource(uri)).contents[0].text

    failed = await call("run_js", {"code": "throw new TypeError('no')"})
    record = failed.structured_content
    report["error"] = [failed.is_error, record["status"], record["error"].split("\n")[0]]
    report["bad_argument"] = (await call("run_js", {"code": 1})).is_error
    try:
        await client.call_tool("run_py", {})
    except MCPError as error:
        report["unknown_tool"] = error.code

    told = anyio.Event()

    async def tell(progress, total, message):
        told.set()

    late = await run({"code": BUSY, "wait_secs": 20}, progress_callback=tell)
    report["progress"] = [late["result"], told.is_set()]

    # Leaving the scope withdraws the call.
    with anyio.CancelScope() as scope:

        async def withdraw(progress, total, message):
            scope.cancel()

        await run({"code": "for (;;);", "wait_secs": 60}, progress_callback=withdraw)
    report["withdrawn"] = scope.cancelled_caught
    newest = (await call("list_executions", {"limit": 1})).structured_content["executions"][0]
    waiting = {"execution_id": newest["execution_id"], "wait_secs": 10}
    report["cancelled"] = (await call("get_execution", waiting)).structured_content["status"]

    session = str(uuid.uuid4())
    first = await run({"code": "let counter = 1; counter", "session": session})
    report["resumed"] = (await run({"code": "counter += 1; counter", "session": session}))["result"]
    asking = {"session": session, "fields": "index,input_heap"}
    entries = (await call("list_session_snapshots", asking)).structured_content["entries"]
    report["history"] = [[entry["index"], entry["input_heap"] == first["heap"]] for entry in entries]
    left = await run({"code": "counter += 10; counter", "heap": first["heap"]})
    right = await run({"code": "counter += 20; counter", "heap": first["heap"]})
    report["branches"] = [left["result"], right["result"], left["heap"] != right["heap"]]
    if client.protocol_version == "2025-11-25":
        report |= await tasks(client)
    # So far nothing was asked for.
    report["silent"] = log == []
    return report | await prints(client, log)


async def prints(client, log):
    """What a run prints, which comes as log messages when it is asked for."""

    async def at(level, code, lines):
        """Runs the code, and waits until so many messages have come: the SDK handles each by itself."""
        meta = None
        if client.protocol_version == "2026-07-28":
            meta = {"io.modelcontextprotocol/logLevel": level}
        else:
            params = types.SetLevelRequestParams.model_construct(level=level)
            await client.session.send_request(types.SetLevelRequest.model_construct(params=params), types.EmptyResult)
        log.clear()
        ran = await client.call_tool("run_js", {"code": code, "wait_secs": 60}, meta=meta)
        with anyio.fail_after(10):
            while len(log) < lines:
                await anyio.sleep(0.01)
        logger = f"execution/{ran.structured_content['execution_id']}"
        return [[line.level, line.data] if line.logger == logger else line.logger for line in log]

    report = {"log": await at("warning", "console.log('l'); console.warn('w'); console.error('e')", 2)}
    try:
        await at("loud", "1", 0)
    except MCPError as error:
        report["bad_level"] = error.code
    flood = await at("info", "for (let line = 0; line < 3000; line++) console.log(line)", 1001)
    report["flood"] = [len(flood), flood[999], flood[1000][0], flood[1000][1].split(",")[0]]
    long = await at("info", "console.log('x'.repeat(600_000)); console.log('after')", 17)
    text = "".join(data for _, data in long)
    notice = text.lstrip("x")
    report["long_line"] = [len(text) - len(notice), notice.split(",")[0]]
    return report


async def tasks(client):
    """Executions as tasks: this SDK has the messages about tasks, and refuses a call's answer that is one."""
    send = client.session.send_request

    async def create(code):
        started = await client.call_tool("run_js", {"code": code, "wait_secs": 0})
        return started.structured_content["execution_id"]

    async def get(task):
        params = types.GetTaskRequestParams(task_id=task)
        return await send(types.GetTaskRequest(params=params), types.GetTaskResult)

    async def end(task):
        params = types.GetTaskPayloadRequestParams(task_id=task)
        return await send(types.GetTaskPayloadRequest(params=params), types.CallToolResult)

    async def cancel(task):
        params = types.CancelTaskRequestParams(task_id=task)
        return await send(types.CancelTaskRequest(params=params), types.CancelTaskResult)

    followed, lost = await create("console.log('hello'); 6 * 7"), await create("throw new TypeError('no')")
    endless = await create("for (;;);")
    record, result = (await end(followed)).structured_content, await end(lost)
    report = {"task": [record["status"], record["result"], record["execution_id"] == followed]}
    seen = await get(lost)
    message = seen.status_message.split("\n")[0]
    ended = [result.is_error, result.structured_content["status"]]
    report["failed_task"] = [seen.status, message, *ended]
    statuses = [(await get(endless)).status, (await cancel(endless)).status, (await get(endless)).status]
    report["cancelled_task"] = statuses
    try:
        await cancel(endless)
    except MCPError as error:
        report["cancelled_twice"] = error.code
    listed = (await send(types.ListTasksRequest(), types.ListTasksResult)).tasks[:3]
    order = [endless, lost, followed]
    report["tasks"] = [[task.status, order.index(task.task_id)] for task in listed]
    return report


async def main():
    revision, *target = sys.argv[1:]
    log = []

    async def keep(message):
        log.append(message)

    async with Client(transport(*target), mode=revision, logging_callback=keep) as client:
        print(json.dumps(await drive(client, log)))


anyio.run(main)
