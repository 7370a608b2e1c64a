/** Why a file cannot be used, in the operator's words. Must not repeat the system's message: it quotes paths and sometimes content. */

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "it does not exist",
  ENOTDIR: "a part of its path is not a folder",
  EISDIR: "it is a folder",
  EACCES: "this account has no permission",
  EPERM: "this account has no permission",
  EROFS: "the file system is read-only",
  ELOOP: "its symbolic links go round in circles",
};

/** `it does not exist`, or the system's code of an error that is not in the list. */
export function ioReason(error: unknown): string {
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown error";
  return REASONS[code] ?? code;
}
