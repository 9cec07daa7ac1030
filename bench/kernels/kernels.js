// Classic processor-bound kernels, as functions of one global object. The same file is a cell of Stasis and
// a script of Node. Every kernel returns a number that is compared between the two.
globalThis.kernels = (() => {
  // A generator of our own, so that both engines see the same data.
  const randomFrom = (seed) => () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 4294967296;

  // The solar system's large bodies, symplectic integration (Computer Language Benchmarks Game).
  class Body {
    constructor(x, y, z, vx, vy, vz, mass) {
      this.x = x; this.y = y; this.z = z;
      this.vx = vx; this.vy = vy; this.vz = vz;
      this.mass = mass;
    }
  }

  function planets() {
    const PI = Math.PI, SOLAR_MASS = 4 * PI * PI, DAYS = 365.24;
    const body = (x, y, z, vx, vy, vz, mass) =>
      new Body(x, y, z, vx * DAYS, vy * DAYS, vz * DAYS, mass * SOLAR_MASS);
    return [
      body(0, 0, 0, 0, 0, 0, 1),
      body(4.84143144246472090, -1.16032004402742839, -0.103622044471123109,
        0.00166007664274403694, 0.00769901118419740425, -0.0000690460016972063023, 0.000954791938424326609),
      body(8.34336671824457987, 4.12479856412430479, -0.403523417114321381,
        -0.00276742510726411102, 0.00499852801234917238, 0.0000230417297573763929, 0.000285885980666130812),
      body(12.8943695621391310, -15.1111514016986312, -0.223307578892655734,
        0.00296460137564761618, 0.00237847173959480950, -0.0000296589568540237556, 0.0000436624404335156298),
      body(15.3796971148509165, -25.9193146099879641, 0.179258772950371181,
        0.00268067772490389322, 0.00162824170038242295, -0.0000951592254519715870, 0.0000515138902046611451),
    ];
  }

  function nbody() {
    const bodies = planets();
    for (let step = 0; step < 150_000; step++) {
      for (let i = 0; i < bodies.length; i++) {
        const a = bodies[i];
        for (let j = i + 1; j < bodies.length; j++) {
          const b = bodies[j];
          const dx = a.x - b.x, dy = a.y - b.y, dz = a.z - b.z;
          const square = dx * dx + dy * dy + dz * dz;
          const magnitude = 0.01 / (square * Math.sqrt(square));
          a.vx -= dx * b.mass * magnitude;
          a.vy -= dy * b.mass * magnitude;
          a.vz -= dz * b.mass * magnitude;
          b.vx += dx * a.mass * magnitude;
          b.vy += dy * a.mass * magnitude;
          b.vz += dz * a.mass * magnitude;
        }
      }
      for (const body of bodies) {
        body.x += 0.01 * body.vx;
        body.y += 0.01 * body.vy;
        body.z += 0.01 * body.vz;
      }
    }
    return Math.round(bodies[0].x * 1e9);
  }

  // Flipping pancakes (Computer Language Benchmarks Game).
  function fannkuch() {
    const n = 9;
    const permutation = new Array(n), first = Array.from({ length: n }, (_, i) => i), count = new Array(n);
    let maxFlips = 0, checksum = 0, r = n;
    for (let index = 0; ; index++) {
      for (; r > 1; r--) count[r - 1] = r;
      for (let i = 0; i < n; i++) permutation[i] = first[i];
      let flips = 0;
      for (let k = permutation[0]; k > 0; k = permutation[0]) {
        for (let i = 0, j = k; i < j; i++, j--) {
          const t = permutation[i];
          permutation[i] = permutation[j];
          permutation[j] = t;
        }
        flips++;
      }
      maxFlips = Math.max(maxFlips, flips);
      checksum += index % 2 === 0 ? flips : -flips;
      for (; ; r++) {
        if (r === n) return checksum * 1000 + maxFlips;
        const head = first[0];
        for (let i = 0; i < r; i++) first[i] = first[i + 1];
        first[r] = head;
        if (--count[r] > 0) break;
      }
    }
  }

  // A scheduler with queues and tasks of several kinds, after Martin Richards's: calls of methods
  // whose receivers vary, and linked lists.
  class Packet {
    constructor(value) { this.value = value; this.next = null; }
  }
  class Queue {
    constructor() { this.head = this.tail = null; this.length = 0; }
    put(packet) {
      packet.next = null;
      if (this.tail === null) this.head = packet; else this.tail.next = packet;
      this.tail = packet;
      this.length++;
    }
    take() {
      const packet = this.head;
      if (packet !== null) {
        this.head = packet.next;
        if (this.head === null) this.tail = null;
        this.length--;
      }
      return packet;
    }
  }
  class Task {
    #runs = 0;
    constructor(priority) { this.priority = priority; this.queue = new Queue(); this.next = null; }
    get runs() { return this.#runs; }
    get isReady() { return this.queue.length > 0; }
    step() { this.#runs++; this.run(this.queue.take()); }
    send(packet) { this.next.queue.put(packet); }
  }
  class Worker extends Task {
    run(packet) { packet.value = (packet.value * 31 + 7) & 0xffff; this.send(packet); }
  }
  class Device extends Task {
    constructor(priority) { super(priority); this.held = null; }
    run(packet) {
      if (this.held !== null) this.send(this.held);
      this.held = packet;
    }
    get isReady() { return this.queue.length > 0 || this.held !== null; }
    step() {
      if (this.queue.length > 0) return super.step();
      this.send(this.held);
      this.held = null;
    }
  }
  class Counter extends Task {
    constructor(priority) { super(priority); this.sum = 0; }
    run(packet) { this.sum = (this.sum + packet.value) | 0; this.send(packet); }
  }
  function scheduler() {
    const kinds = [Worker, Device, Counter, Worker, Counter, Device];
    const tasks = kinds.map((Kind, index) => new Kind(index));
    tasks.forEach((task, index) => { task.next = tasks[(index + 1) % tasks.length]; });
    for (let i = 0; i < 12; i++) tasks[i % tasks.length].queue.put(new Packet(i));
    for (let round = 0; round < 150_000; round++) {
      let best = null;
      for (const task of tasks) {
        if (task.isReady && (best === null || task.queue.length > best.queue.length)) best = task;
      }
      best.step();
    }
    return tasks.reduce((sum, task) => sum + task.runs * task.priority + (task.sum ?? 0), 0);
  }

  function json() {
    const random = randomFrom(1);
    const record = (i) => ({
      id: i, name: `record ${i}`, active: i % 3 === 0, score: random() * 1000, note: null,
      tags: ["alpha", "beta\n", "gämma"], place: { latitude: random() * 90, longitude: random() * 180 },
    });
    let value = Array.from({ length: 2_000 }, (_, i) => record(i)), length = 0;
    for (let i = 0; i < 12; i++) {
      const text = JSON.stringify(value);
      length += text.length;
      value = JSON.parse(text);
    }
    return length + value.length;
  }

  function collections() {
    const random = randomFrom(2);
    const counts = new Map(), seen = new Set();
    let found = 0;
    for (let i = 0; i < 250_000; i++) {
      const key = (random() * 20_000) | 0;
      counts.set(key, (counts.get(key) ?? 0) + 1);
      if (seen.has(key)) { seen.delete(key); found++; } else { seen.add(key); }
    }
    const names = new Map();
    for (let i = 0; i < 60_000; i++) names.set("key" + (i % 5_000), i);
    let sum = 0;
    for (const [key, count] of counts) sum += key ^ count;
    for (const value of names.values()) sum += value;
    return sum + found + seen.size;
  }

  function regexp() {
    const random = randomFrom(3);
    const words = ["alice@example.com", "2024-05-17", "lorem", "ipsum-dolor", "192.168.10.42", "x".repeat(20)];
    const lines = [];
    for (let i = 0; i < 3_000; i++) {
      lines.push(Array.from({ length: 8 }, () => words[(random() * words.length) | 0]).join(" "));
    }
    const text = lines.join("\n");
    let total = 0;
    for (const [, user, host] of text.matchAll(/\b([a-z.]+)@([a-z]+\.[a-z]{2,})\b/g)) total += user.length + host.length;
    total += text.replace(/(\d{4})-(\d{2})-(\d{2})/g, "$3.$2.$1").length;
    total += (text.match(/\b(?:\d{1,3}\.){3}\d{1,3}\b/g) ?? []).length;
    for (const line of lines) if (/^(?:\w+[ -])*lorem\b.*x{10,}/i.test(line)) total++;
    return total + text.split(/\s+/).length;
  }

  function strings() {
    let hash = 0;
    for (let round = 0; round < 20; round++) {
      let text = "";
      for (let i = 0; i < 8_000; i++) text += String.fromCharCode(97 + (i * 7 + round) % 26) + i;
      for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
      const parts = text.split("a").map((part) => part.toUpperCase().trim().padStart(5, "*"));
      hash ^= parts.join("-").slice(100, -100).replaceAll("B", "ß").indexOf("Z9");
    }
    return hash;
  }

  function matrix() {
    const n = 220, random = randomFrom(4);
    const fill = () => Float64Array.from({ length: n * n }, random);
    const a = fill(), b = fill(), c = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < n; k++) {
        const factor = a[i * n + k];
        for (let j = 0; j < n; j++) c[i * n + j] += factor * b[k * n + j];
      }
    }
    return Math.round(c.reduce((sum, x) => sum + x, 0));
  }

  function sort() {
    const random = randomFrom(5);
    const numbers = Array.from({ length: 60_000 }, random);
    const people = numbers.slice(0, 30_000).map((x, i) => ({ key: (x * 1000) | 0, name: "n" + ((x * 1e6) | 0), i }));
    numbers.sort((a, b) => a - b);
    people.sort((a, b) => a.key - b.key || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    const typed = Float64Array.from({ length: 100_000 }, random).sort();
    return Math.round((numbers[1000] + typed[5000]) * 1e9) + people[777].i;
  }

  return { nbody, fannkuch, scheduler, json, collections, regexp, strings, matrix, sort };
})();
