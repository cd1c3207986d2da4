// The clients of the npm registry, driven by tests/clients/driver.py: a line of JSON asks, a line of JSON answers.
import { createCohere } from "@ai-sdk/cohere";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { InferenceClient } from "@huggingface/inference";
import { CohereEmbeddings, CohereRerank } from "@langchain/cohere";
import { OllamaEmbeddings } from "@langchain/ollama";
import { OpenAIEmbeddings } from "@langchain/openai";
import { OpenAIEmbedding } from "@llamaindex/openai";
import { embedMany, rerank } from "ai";
import { CohereClient, CohereClientV2 } from "cohere-ai";
import { Ollama } from "ollama";
import { createOllama } from "ollama-ai-provider-v2";
import OpenAI, { AzureOpenAI } from "openai";
import readline from "node:readline";
import { VoyageAIClient } from "voyageai";

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

function ollama(ask) {
    const client = new Ollama({ host: ask.url, headers: { Authorization: `Bearer ${ask.key}` } });
    return { async embed(texts) {
        return (await client.embed({ model: ask.model, input: texts, ...(ask.whole ? { truncate: false } : {}) })).embeddings;
    } };
}

function cohere(ask) {
    const client = new CohereClientV2({ token: ask.key, environment: ask.url });
    return {
        async embed(texts) {
            const reply = await client.embed({ texts, model: ask.model, inputType: "search_document", embeddingTypes: ["float"],
                                               ...(ask.whole ? { truncate: "NONE" } : {}) });
            return reply.embeddings.float;
        },
        async rerank(query, documents) {
            const reply = await client.rerank({ model: ask.model, query, documents });
            return reply.results.map((row) => [row.index, row.relevanceScore]);
        },
    };
}

function cohereV1(ask) {
    const client = new CohereClient({ token: ask.key, environment: ask.url });
    return {
        async embed(texts) {
            return (await client.embed({ texts, model: ask.model, inputType: "search_document",
                                         ...(ask.whole ? { truncate: "NONE" } : {}) })).embeddings;
        },
        async rerank(query, documents) {
            const reply = await client.rerank({ model: ask.model, query, documents });
            return reply.results.map((row) => [row.index, row.relevanceScore]);
        },
    };
}

function huggingface(ask) {
    const client = new InferenceClient(ask.key, { endpointUrl: ask.url });
    return { async embed(texts) {
        return client.featureExtraction({ inputs: texts, ...(ask.whole ? { truncate: false } : {}) });
    } };
}

function langchainOpenAI(ask) {
    const embeddings = new OpenAIEmbeddings({ model: ask.model, apiKey: ask.key, configuration: { baseURL: `${ask.url}/v1` } });
    return { embed: (texts) => embeddings.embedDocuments(texts) };
}

function langchainOllama(ask) {
    const headers = { Authorization: `Bearer ${ask.key}` };
    // It repeats any refusal, six times unless told otherwise, for more than a minute.
    const embeddings = new OllamaEmbeddings({ model: ask.model, baseUrl: ask.url, headers, maxRetries: 1 });
    return { embed: (texts) => embeddings.embedDocuments(texts) };
}

function langchainCohere(ask) {
    const settings = { model: ask.model, client: new CohereClient({ token: ask.key, environment: ask.url }) }; // it takes no address itself
    return {
        embed: (texts) => new CohereEmbeddings(settings).embedDocuments(texts),
        async rerank(query, documents) {
            const rows = await new CohereRerank({ ...settings, topN: documents.length }).rerank(documents, query);
            return rows.map((row) => [row.index, row.relevanceScore]);
        },
    };
}

function llamaIndex(ask) {
    const embedding = new OpenAIEmbedding({ model: ask.model, apiKey: ask.key, baseURL: `${ask.url}/v1` });
    return { embed: (texts) => embedding.getTextEmbeddings(texts) };
}

// The AI SDK, with one of its providers: a model of it, and how a text that is too long is refused, where that can be said.
function aiSdk(model, whole = undefined) {
    return (ask) => ({
        async embed(values) {
            const options = ask.whole && whole !== undefined ? { providerOptions: whole } : {};
            return (await embedMany({ model: model(ask).embeddingModel(ask.model), values, ...options })).embeddings;
        },
        async rerank(query, documents) {
            const { ranking } = await rerank({ model: model(ask).rerankingModel(ask.model), query, documents });
            return ranking.map((row) => [row.originalIndex, row.score]);
        },
    });
}

const aiOpenAI = (ask) => createOpenAI({ baseURL: `${ask.url}/v1`, apiKey: ask.key });
const aiCompatible = (ask) => createOpenAICompatible({ name: "akidb", baseURL: `${ask.url}/v1`, apiKey: ask.key });
const aiCohere = (ask) => createCohere({ baseURL: `${ask.url}/v2`, apiKey: ask.key });
const aiOllama = (ask) => createOllama({ baseURL: `${ask.url}/api`, headers: { Authorization: `Bearer ${ask.key}` } });

function voyage(ask) {
    const client = new VoyageAIClient({ apiKey: ask.key, environment: `${ask.url}/v1` });
    return {
        async embed(texts) {
            const reply = await client.embed({ input: texts, model: ask.model, ...(ask.whole ? { truncation: false } : {}) });
            return reply.data.map((item) => item.embedding);
        },
        async rerank(query, documents) {
            // top_k tells its request from the others'.
            const reply = await client.rerank({ query, documents, model: ask.model, topK: documents.length });
            return reply.data.map((row) => [row.index, row.relevanceScore]);
        },
    };
}

const CLIENTS = { "openai": openai, "openai, Azure": azure, "ollama": ollama, "cohere-ai": cohere, "cohere-ai, version 1": cohereV1,
                  "@huggingface/inference": huggingface, "LangChain.js, OpenAI": langchainOpenAI, "LangChain.js, Ollama": langchainOllama,
                  "LangChain.js, Cohere": langchainCohere, "LlamaIndex.TS, OpenAI": llamaIndex, "AI SDK, OpenAI": aiSdk(aiOpenAI),
                  "AI SDK, OpenAI-compatible": aiSdk(aiCompatible), "AI SDK, Cohere": aiSdk(aiCohere, { cohere: { truncate: "NONE" } }),
                  "AI SDK, Ollama": aiSdk(aiOllama, { ollama: { truncate: false } }), "voyageai": voyage };

async function answer(ask) {
    const client = CLIENTS[ask.client](ask);
    if (ask.texts) {
        const vectors = await client.embed(ask.texts);
        const numbers = Float64Array.from(vectors.flatMap((vector) => Array.from(vector)));
        return { count: vectors.length, vectors: Buffer.from(numbers.buffer).toString("base64") };
    }
    return { scores: await client.rerank(ask.query, ask.documents) };
}

for await (const line of readline.createInterface({ input: process.stdin })) {
    let reply;
    try {
        reply = await answer(JSON.parse(line));
    } catch (error) {
        const told = error.lastError ?? error.cause ?? {}; // of the last of several tries, or what the error was made of
        const status = error.status ?? error.status_code ?? error.statusCode ?? error.httpResponse?.status ?? told.statusCode ?? null;
        reply = { error: error.constructor.name, status, message: String(error.message) };
    }
    process.stdout.write(JSON.stringify(reply) + "\n");
}
