// expect: completed | inside
const reader = new FileReader();
const done = new Promise((resolve) => { reader.onload = () => resolve(reader.result); reader.onerror = () => resolve("error"); });
reader.readAsText(new Blob(["inside"]));
await done;
