import { describe, expect, it } from "vitest";
import { parseLdd } from "./shared-libraries.ts";

describe("ldd", () => {
  it("names files and the loader, and leaves out the vdso", () => {
    const text = `	linux-vdso.so.1 (0x00007f0ca3c71000)
	libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f0ca3920000)
	libfoo.so.1 => not found
	/lib64/ld-linux-x86-64.so.2 (0x00007f0ca3c73000)
`;
    expect(parseLdd(text)).toEqual({
      found: ["/lib/x86_64-linux-gnu/libm.so.6", "/lib64/ld-linux-x86-64.so.2"],
      missing: ["libfoo.so.1"],
    });
  });
});
