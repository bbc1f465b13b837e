import { expect, it } from "vitest";
import { forAll } from "./for-all.ts";

it("goes on after an error, and ends with the first one", () => {
  const done: number[] = [];
  const body = (item: number) => {
    if (item % 2 === 0) throw new Error(`not ${item}`);
    done.push(item);
  };
  expect(() => forAll([1, 2, 3, 4, 5], body)).toThrow("not 2");
  expect(done).toEqual([1, 3, 5]);
});
