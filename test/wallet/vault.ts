/** Old encrypted key files for tests. */
import { createCipheriv, createHmac, pbkdf2Sync } from "node:crypto";
import { concat, toHex, utf8 } from "../../lib/core/mod.ts";

/** An Ansible vault of bytes or a text, by its specification; nothing of ours writes them. `padding` replaces the right one. */
export function ansible(content: Uint8Array | string, password: string, padding?: Uint8Array): Uint8Array {
  const plain = typeof content === "string" ? utf8(content) : content;
  const salt = new Uint8Array(32).fill(7);
  const keys = pbkdf2Sync(password, salt, 10_000, 80, "sha256");
  const cipher = createCipheriv("aes-256-ctr", keys.subarray(0, 32), keys.subarray(64));
  const missing = 16 - (plain.length % 16);
  const box = concat(cipher.update(concat(plain, padding ?? new Uint8Array(missing).fill(missing))), cipher.final());
  const mac = createHmac("sha256", keys.subarray(32, 64)).update(box).digest();
  const body = toHex(utf8(`${toHex(salt)}\n${toHex(mac)}\n${toHex(box)}`));
  return utf8(`$ANSIBLE_VAULT;1.1;AES256\n${body.match(/.{1,80}/g)!.join("\n")}\n`);
}
