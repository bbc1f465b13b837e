/**
 * Errors as the Connect protocol writes them. ConnectError is not used here: making one touches the global Headers, which
 * loads undici (tens of milliseconds and 15 MB in an agent without JIT).
 */
import { create, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { connectCode } from "@wrenn/protocol/connect-errors";
import type { WrennError } from "@wrenn/protocol/errors";
import { ErrorInfoSchema } from "@wrenn/protocol/gen/hostagent_pb";

export interface ErrorJson {
  readonly code: string;
  readonly message: string;
  readonly details: readonly { readonly type: string; readonly value: string }[];
}

/** The error with its registry code as a typed detail, as `fromConnectError` reads it. */
export function errorToJson({ code, message }: WrennError): ErrorJson {
  const detail = toBinary(ErrorInfoSchema, create(ErrorInfoSchema, { code, message }));
  return {
    code: snakeCase(Code[connectCode(code)]),
    message,
    details: [{ type: ErrorInfoSchema.typeName, value: Buffer.from(detail).toString("base64").replaceAll("=", "") }],
  };
}

function snakeCase(name: string): string {
  return name.replace(/(?<!^)[A-Z]/g, "_$&").toLowerCase();
}
