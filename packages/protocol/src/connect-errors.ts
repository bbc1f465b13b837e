/** Carries registry errors across Connect RPC: the code travels as a typed detail, so nobody matches on text. */
import { Code, ConnectError } from "@connectrpc/connect";
import { type ErrorCode, isErrorCode, WrennError } from "./errors.ts";
import { ErrorInfoSchema } from "./gen/hostagent_pb.ts";

const CONNECT_CODES: Partial<Record<ErrorCode, Code>> = {
  invalid_request: Code.InvalidArgument,
  unauthorized: Code.Unauthenticated,
  forbidden: Code.PermissionDenied,
  not_found: Code.NotFound,
  template_missing: Code.NotFound,
  conflict: Code.AlreadyExists,
  invalid_state: Code.FailedPrecondition,
  too_large: Code.ResourceExhausted,
  not_implemented: Code.Unimplemented,
  no_free_slot: Code.ResourceExhausted,
  insufficient_memory: Code.ResourceExhausted,
  disk_full: Code.ResourceExhausted,
  host_unavailable: Code.Unavailable,
  exec_timeout: Code.DeadlineExceeded,
  boot_timeout: Code.DeadlineExceeded,
};

/** What codes mean that come without a detail of ours, and whose message says what the caller did wrong. */
const FOREIGN_CODES: Partial<Record<Code, ErrorCode>> = {
  [Code.InvalidArgument]: "invalid_request",
  [Code.NotFound]: "not_found",
  [Code.AlreadyExists]: "conflict",
  [Code.FailedPrecondition]: "conflict",
  [Code.PermissionDenied]: "forbidden",
};

/** What a registry code is called on the wire of Connect RPC. */
export function connectCode(code: ErrorCode): Code {
  return CONNECT_CODES[code] ?? Code.Internal;
}

export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  const known = WrennError.from(error);
  const converted = new ConnectError(known.message, connectCode(known.code), undefined, undefined, error);
  converted.details.push({ desc: ErrorInfoSchema, value: { code: known.code, message: known.message } });
  return converted;
}

/** The registry error inside, or what a peer that sent none of ours means. */
export function fromConnectError(error: unknown, peer: string): WrennError {
  if (error instanceof WrennError) return error;
  const converted = ConnectError.from(error);
  const info = converted.findDetails(ErrorInfoSchema)[0];
  if (info !== undefined && isErrorCode(info.code)) {
    return new WrennError(info.code, info.message, { cause: error });
  }
  const code = FOREIGN_CODES[converted.code];
  if (code !== undefined) return new WrennError(code, converted.rawMessage, { cause: error });
  if (converted.code === Code.Unavailable) {
    return new WrennError("host_unavailable", `${peer} does not answer`, { cause: error });
  }
  return new WrennError("agent_error", `${peer} failed: ${Code[converted.code]}`, { cause: error });
}
