// One byte range (RFC 9110 §14). Pure.

/** `[first, past the last)`; "whole" when it cannot be read, "none" when no byte of it is there. */
export type Range = [number, number] | "whole" | "none";

export function range(field: string | null, length: number): Range {
  const read = /^bytes=(\d*)-(\d*)$/.exec(field?.trim() ?? "");
  if (read === null) return "whole";
  const [first, last] = [read[1] ?? "", read[2] ?? ""];
  if (first === "" && last === "") return "whole";
  if (first === "") return between(Math.max(0, length - Number(last)), length);
  if (last !== "" && Number(last) < Number(first)) return "whole";
  return between(Number(first), last === "" ? length : Math.min(length, Number(last) + 1));
}

function between(start: number, end: number): Range {
  return start < end ? [start, end] : "none";
}
