import { describe, expect, it } from "vitest";
import { fuzz, type Random } from "../testing/fuzz.ts";
import { boundaryOf, partsOf } from "./multipart.ts";
import { parsePartHeader } from "./part-header.ts";

const BOUNDARY = "b0undary";

/** The body in pieces, cut at random or at every byte. */
async function* pieces(body: Buffer, size: () => number): AsyncGenerator<Buffer> {
  for (let start = 0; start < body.length; ) {
    const end = start + Math.max(1, size());
    yield body.subarray(start, end);
    start = end;
  }
}

async function read(body: string | Buffer, size: () => number = () => 1) {
  const parts: { name: string | undefined; filename: string | undefined; body: string }[] = [];
  for await (const part of partsOf(pieces(Buffer.from(body), size), BOUNDARY)) {
    const chunks: Buffer[] = [];
    for await (const chunk of part.body) chunks.push(chunk);
    parts.push({ name: part.name, filename: part.filename, body: Buffer.concat(chunks).toString("latin1") });
  }
  return parts;
}

const part = (disposition: string, body: string) =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; ${disposition}\r\nContent-Type: text/plain\r\n\r\n${body}\r\n`;
const END = `--${BOUNDARY}--\r\n`;
const invalid = expect.objectContaining({ code: "invalid_request" });

describe("partsOf", () => {
  it.each([1, 2, 7, 100_000])("reads parts from pieces of %d bytes", async (size) => {
    const contents = ["one", "", "\r\n--b0undar\r\n-", "\r\r\n--", "\r\n--\r\n--b0"];
    const body = contents.map((content, index) => part(`name="file"; filename="${index}"`, content)).join("");
    const parts = await read(body + END, () => size);
    expect(parts.map((each) => each.body)).toEqual(contents);
    expect(parts.map((each) => each.filename)).toEqual(["0", "1", "2", "3", "4"]);
  });

  it("skips what stands before and after the parts, and parts that nobody reads", async () => {
    const body = `before\r\n${part('name="a"', "1")}${part('name="b"', "2")}${END}after --${BOUNDARY}`;
    const names: unknown[] = [];
    for await (const { name } of partsOf(
      pieces(Buffer.from(body), () => 3),
      BOUNDARY,
    ))
      names.push(name);
    expect(names).toEqual(["a", "b"]);
  });

  it("accepts parts without a header, blanks after a boundary, and no parts", async () => {
    expect(await read(`--${BOUNDARY} \t\r\n\r\nbody\r\n${END}`)).toEqual([
      { name: undefined, filename: undefined, body: "body" },
    ]);
    expect(await read(END)).toEqual([]);
  });

  it.each([
    ["nothing", ""],
    ["no boundary", "hello"],
    ["no last boundary", part('name="a"', "1")],
    ["half of the last boundary", `${part('name="a"', "1")}--${BOUNDARY}-`],
    ["a header that does not end", `--${BOUNDARY}\r\nContent-Disposition: form-data`],
    ["a longer boundary than was said", `--${BOUNDARY}x\r\n\r\nbody\r\n${END}`],
    ["a header of 17 KiB", `--${BOUNDARY}\r\nx: ${"x".repeat(17 * 1024)}\r\n\r\nbody\r\n${END}`],
  ])("refuses %s", async (_what, body) => {
    await expect(read(body, () => 100)).rejects.toThrow(invalid);
  });

  it("refuses too many parts", async () => {
    const body = part('name="a"', "").repeat(1001) + END;
    await expect(read(body, () => 10_000)).rejects.toThrow(expect.objectContaining({ code: "too_large" }));
  });

  it("does not read on while a part is not read", async () => {
    let given = 0;
    async function* endless(): AsyncGenerator<Buffer> {
      yield Buffer.from(`--${BOUNDARY}\r\n\r\n`);
      for (;;) yield Buffer.alloc(++given);
    }
    for await (const { body } of partsOf(endless(), BOUNDARY)) {
      await body[Symbol.asyncIterator]().next();
      break;
    }
    expect(given).toBe(1);
  });

  it(
    "reads back any parts, however they are cut",
    fuzz(500, async (random) => {
      const contents = Array.from({ length: random.below(4) }, () => randomContent(random));
      const body = contents.map((content) => part('name="file"', content)).join("") + END;
      const parts = await read(Buffer.from(body, "latin1"), () => random.below(40));
      expect(parts.map((each) => each.body)).toEqual(contents);
    }),
  );

  it(
    "ends for any body",
    fuzz(2000, async (random) => {
      const words = [
        `--${BOUNDARY}`,
        "\r\n",
        "--",
        "\r",
        "\n",
        "Content-Disposition: form-data; ",
        'name="file"',
        "x".repeat(300),
      ];
      const parts = await read(random.join(words, 20), () => random.below(60)).catch((error: unknown) => error);
      if (!Array.isArray(parts)) expect(parts).toEqual(invalid);
    }),
  );
});

function randomContent(random: Random): string {
  return random.join(["\r\n", "\r", "--", "b0undary".slice(0, random.below(8)), "\0", "\u00ff", "text"], 12);
}

describe("parsePartHeader", () => {
  it.each([
    ['form-data; name="file"; filename="a b.txt"', "file", "a b.txt"],
    ["FORM-DATA; NAME=file; FileName=plain.txt", "file", "plain.txt"],
    ['form-data; name="file"; filename="dir/ä.txt"', "file", "dir/ä.txt"],
    [String.raw`form-data; name="file"; filename="a\"b\\c\d"`, "file", String.raw`a"b\c\d`],
    [`form-data; name="file"; filename="x"; filename*=UTF-8''d%C3%A4.txt`, "file", "dä.txt"],
    [`form-data; name="file"; filename="x"; filename*=UTF-8''%ff`, "file", "x"],
    ['form-data; name="file"; filename=""', "file", ""],
    ["form-data", undefined, undefined],
    ['attachment; name="file"', undefined, undefined],
    ["", undefined, undefined],
  ])("reads %s", (disposition, name, filename) => {
    const bytes = Buffer.from(`Content-Type: x\r\ncontent-disposition: ${disposition}\r\nx: y`);
    expect(parsePartHeader(bytes)).toEqual({ name, filename });
  });

  it(
    "survives any header, in little time",
    fuzz(1000, (random) => {
      const words = [
        "Content-Disposition: form-data",
        ";",
        "name=",
        "filename*=",
        "UTF-8''",
        '"',
        "\\",
        "%",
        " ",
        "\r\n",
        ";".repeat(500),
      ];
      const { filename } = parsePartHeader(Buffer.from(random.join(words, 25)));
      expect(filename === undefined || typeof filename === "string").toBe(true);
    }),
  );
});

describe("boundaryOf", () => {
  it.each([
    ["multipart/form-data; boundary=abc", "abc"],
    ['multipart/form-data; charset=utf-8; boundary="a b;c"', "a b;c"],
    ["multipart/form-data; BOUNDARY=----x; y=z", "----x"],
  ])("finds the one of %s", (contentType, boundary) => {
    expect(boundaryOf(contentType)).toBe(boundary);
  });

  it.each(["multipart/form-data", "multipart/form-data; boundary=", `multipart/form-data; boundary=${"x".repeat(71)}`])(
    "refuses %s",
    (contentType) => {
      expect(() => boundaryOf(contentType)).toThrow(invalid);
    },
  );
});
