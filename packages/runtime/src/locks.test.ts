import { describe, expect, it } from "vitest";
import { KeyedMutex, Semaphore, Singleflight } from "./locks.ts";

function gate() {
  return Promise.withResolvers<void>();
}

describe("KeyedMutex", () => {
  it("runs one body per key at a time, in order, and other keys beside it", async () => {
    const mutex = new KeyedMutex();
    const order: string[] = [];
    const first = gate();
    const a1 = mutex.run("a", async () => {
      await first.promise;
      order.push("a1");
    });
    const a2 = mutex.run("a", async () => void order.push("a2"));
    await mutex.run("b", async () => void order.push("b"));
    expect(order).toEqual(["b"]);
    first.resolve();
    await Promise.all([a1, a2]);
    expect(order).toEqual(["b", "a1", "a2"]);
    expect(mutex.size).toBe(0);
  });

  it("is free again after a failure", async () => {
    const mutex = new KeyedMutex();
    await expect(mutex.run("a", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    await expect(mutex.run("a", async () => 1)).resolves.toBe(1);
  });
});

describe("Semaphore", () => {
  it("never runs more bodies than its limit", async () => {
    const semaphore = new Semaphore(2);
    let running = 0;
    let most = 0;
    const body = async () => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      running--;
    };
    await Promise.all(Array.from({ length: 10 }, () => semaphore.run(body)));
    expect(most).toBe(2);
  });

  it("lets who waits leave the queue, and the others keep their turn", async () => {
    const semaphore = new Semaphore(1);
    const first = gate();
    const order: string[] = [];
    const abort = new AbortController();
    const running = semaphore.run(() => first.promise);
    const left = semaphore.run(async () => void order.push("left"), abort.signal);
    const next = semaphore.run(async () => void order.push("next"));
    abort.abort(new Error("not wanted"));
    await expect(left).rejects.toThrow("not wanted");
    await expect(semaphore.run(async () => {}, abort.signal)).rejects.toThrow("not wanted");
    expect(order).toEqual([]);
    first.resolve();
    await Promise.all([running, next]);
    expect(order).toEqual(["next"]);
    await semaphore.run(async () => void order.push("free again"));
    expect(order).toEqual(["next", "free again"]);
  });

  it("loses no turn that is no longer wanted when it comes, and doubles none", async () => {
    const semaphore = new Semaphore(1);
    const first = gate();
    const abort = new AbortController();
    const running = semaphore.run(() => first.promise);
    const late = semaphore.run(async () => abort.signal.throwIfAborted(), abort.signal);
    const failed = expect(late).rejects.toThrow("not wanted");
    void running.then(() => abort.abort(new Error("not wanted")));
    first.resolve();
    await failed;
    const held = gate();
    let bodies = 0;
    const body = () => {
      bodies++;
      return held.promise;
    };
    const both = [semaphore.run(body), semaphore.run(body)];
    await Promise.resolve();
    expect(bodies).toBe(1);
    held.resolve();
    await Promise.all(both);
    expect(bodies).toBe(2);
  });
});

describe("Singleflight", () => {
  it("shares one flight and starts a new one after it", async () => {
    const flights = new Singleflight<number>();
    let calls = 0;
    const body = async () => ++calls;
    expect(await Promise.all([flights.run("a", body), flights.run("a", body)])).toEqual([1, 1]);
    expect(await flights.run("a", body)).toBe(2);
  });
});
