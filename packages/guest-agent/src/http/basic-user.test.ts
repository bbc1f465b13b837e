import { expect, it } from "vitest";
import { fuzz } from "../testing/fuzz.ts";
import { basicUser } from "./basic-user.ts";

it.each([
  [`Basic ${btoa("user:")}`, "user"],
  [`basic ${btoa("user:secret:more")}`, "user"],
  [`Basic ${btoa("user")}`, "user"],
  [`Basic ${btoa(":")}`, undefined],
  ["Basic", undefined],
  ["Basic ???", undefined],
  [`Bearer ${btoa("user:")}`, undefined],
  [undefined, undefined],
])("reads %s as %s", (authorization, user) => {
  expect(basicUser({ authorization })).toBe(user);
});

it(
  "survives any header",
  fuzz(500, (random) => {
    const authorization = random.join(["Basic ", "basic", " ", "=", ":", "dXNlcjo", "\t", "%", "ä", "/+"], 8);
    const user = basicUser({ authorization });
    expect(user === undefined || (user !== "" && !user.includes(":"))).toBe(true);
  }),
);
