// The clients of the npm registry, driven by tests/clients/driver.py: a line of JSON asks, a line of JSON answers.
import OpenAI, { AzureOpenAI } from "openai";
import readline from "node:readline";

function openai(ask) {
    const client = new OpenAI({ baseURL: `${ask.url}/v1`, apiKey: ask.key });
    return { async embed(texts) {
        const reply = await client.embeddings.create({ model: ask.model, input: texts, ...(ask.whole ? { truncate: false } : {}) });
        return reply.data.map((item) => item.embedding);
    } };
}

function azure(ask) {
    const client = new AzureOpenAI({ endpoint: ask.url, apiKey: ask.key, apiVersion: "2024-10-21" });
    return { async embed(texts) {
        return (await client.embeddings.create({ model: ask.model, input: texts })).data.map((item) => item.embedding);
    } };
}

const CLIENTS = { "openai": openai, "openai, Azure": azure };

async function answer(ask) {
    const vectors = await CLIENTS[ask.client](ask).embed(ask.texts);
    const numbers = Float64Array.from(vectors.flatMap((vector) => Array.from(vector)));
    return { count: vectors.length, vectors: Buffer.from(numbers.buffer).toString("base64") };
}

for await (const line of readline.createInterface({ input: process.stdin })) {
    let reply;
    try {
        reply = await answer(JSON.parse(line));
    } catch (error) {
        reply = { error: error.constructor.name, status: error.status ?? null, message: String(error.message) };
    }
    process.stdout.write(JSON.stringify(reply) + "\n");
}
