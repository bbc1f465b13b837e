/** The two encodings of messages, JSON and binary, and the content types that name them. */
import {
  create,
  type DescMessage,
  fromBinary,
  fromJsonString,
  type MessageInitShape,
  type MessageShape,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import { hasMoreElements } from "@wrenn/protocol/element-count";
import { WrennError } from "@wrenn/protocol/errors";

/** Messages whose elements are not worth counting: what they become fits beside everything else. */
const SMALL_BYTES = 64 * 1024;
/** More than a process can be given. */
const MAX_ELEMENTS = { own: 65_536, inner: 65_536 };

export interface Codec {
  readonly unaryType: string;
  readonly streamType: string;
  decode<Desc extends DescMessage>(desc: Desc, bytes: Uint8Array): MessageShape<Desc>;
  encode<Desc extends DescMessage>(desc: Desc, message: MessageInitShape<Desc>): Uint8Array;
}

const binary: Codec = {
  unaryType: "application/proto",
  streamType: "application/connect+proto",
  decode: (desc, bytes) => {
    if (bytes.length > SMALL_BYTES && hasMoreElements(desc, bytes, MAX_ELEMENTS)) {
      throw new WrennError("too_large", "the message has too many elements");
    }
    // A field that nobody knows takes two bytes of a message, and hundreds when it is kept.
    return fromBinary(desc, bytes, { readUnknownFields: false });
  },
  encode: (desc, message) => toBinary(desc, create(desc, message)),
};

const json: Codec = {
  unaryType: "application/json",
  streamType: "application/connect+json",
  // Fields of newer clients are skipped, as they are in the binary encoding.
  decode: (desc, bytes) => fromJsonString(desc, Buffer.from(bytes).toString(), { ignoreUnknownFields: true }),
  encode: (desc, message) => Buffer.from(toJsonString(desc, create(desc, message))),
};

/** The codec for the Content-Type of a request. @throws unsupported_media_type */
export function selectCodec(contentType: string | undefined, kind: "unary" | "stream"): Codec {
  const key = kind === "unary" ? "unaryType" : "streamType";
  const type = contentType?.split(";", 1)[0]?.trim().toLowerCase();
  if (type === binary[key]) return binary;
  if (type === json[key]) return json;
  throw new WrennError("unsupported_media_type", `the Content-Type must be ${binary[key]} or ${json[key]}`);
}

/** @throws invalid_request when the bytes are not such a message */
export function decodeRequest<Desc extends DescMessage>(
  codec: Codec,
  desc: Desc,
  bytes: Uint8Array,
): MessageShape<Desc> {
  try {
    return codec.decode(desc, bytes);
  } catch (error) {
    if (error instanceof WrennError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new WrennError("invalid_request", `cannot decode ${desc.typeName}: ${reason}`, { cause: error });
  }
}
