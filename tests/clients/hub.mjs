// @huggingface/hub reads a repository: its listing, a file whole and in part. Prints the SHA-256 of each file.

import { createHash } from "node:crypto";
import { createRequire } from "node:module";

const { downloadFile, fileDownloadInfo, listFiles, modelInfo } = createRequire(process.argv[2])("@huggingface/hub");
const [hubUrl, name] = process.argv.slice(3);
const repo = { type: "model", name };

const info = await modelInfo({ name, hubUrl, additionalFields: ["sha"] });
const files = [];
for await (const file of listFiles({ repo, hubUrl, recursive: true })) {
  if (file.type !== "file") continue;
  const { size, etag } = await fileDownloadInfo({ repo, path: file.path, hubUrl });
  const blob = await downloadFile({ repo, path: file.path, hubUrl });
  const bytes = Buffer.from(await blob.arrayBuffer());
  const part = Buffer.from(await blob.slice(1, 9).arrayBuffer());
  if (size !== bytes.length || !part.equals(bytes.subarray(1, 9))) throw new Error(`${file.path}: ${size} ${etag}`);
  files.push([file.path, bytes.length, createHash("sha256").update(bytes).digest("hex")]);
}
console.log(JSON.stringify({ id: info.name, sha: info.sha, files: files.sort() }));
