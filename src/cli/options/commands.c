#include "cli/options/commands.h"

#include <string.h>

const cli_command command_table[COMMAND_TOTAL] = {
    [COMMAND_SERVE] = {.name = "serve",
                       .summary = "serve embeddings over HTTP and gRPC",
                       .argument_hint = "Name the model with --model, the address with --host and --port.",
                       .description =
                           "Answers POST /api/v1/embed, /health/live and /health/ready. The port is open at "
                           "once; /health/ready\n"
                           "turns 200 when the model is loaded and has computed a first vector. A model that "
                           "is neither a folder\n"
                           "nor in the cache is downloaded first. Logs go to stdout, one line each.\n"
                           "SIGTERM or SIGINT finishes the requests in flight and exits with 0; a second one "
                           "(the other of\nthe two, or a second later) exits at once.\n",
                       .examples =
                           "  akidb-embed serve\n"
                           "  akidb-embed serve --model ./all-MiniLM-L6-v2 --host 0.0.0.0 --port 9000\n"
                           "  AKIDB_LOG=warn akidb-embed serve --config /etc/akidb-embed.ini\n"
                           "  curl -s localhost:8080/api/v1/embed -H 'content-type: application/json' "
                           "-d '{\"texts\":[\"hello\"]}'\n",
                       .run = command_serve},
    [COMMAND_EMBED] =
        {.name = "embed",
         .summary = "turn a file of texts into vectors",
         .argument_hint = "Texts come from stdin or a file: akidb-embed embed --input FILE.",
         .description =
             "Reads texts from lines, JSONL or CSV and writes one vector per text, in the order of the "
             "input:\n"
             "  jsonl  {\"index\":0,\"embedding\":[...]} per line. index counts the input's texts from 0, "
             "those left\n"
             "         out included; \"truncated\":true is added when the text was cut, and the \"id\" of a "
             "JSONL input,\n"
             "         in the bytes it has there\n"
             "  npy    one float32 array [texts][dimension] for numpy.load\n"
             "  fvecs  per vector its dimension as int32, then float32 values, little-endian\n"
             "With --output-kind sparse \"embedding\" is {\"indices\":[...],\"values\":[...]}, token ids and "
             "their weights;\nwith tokens a list of vectors.\n"
             "OUTPUT.skipped.jsonl lists the texts that --on-error skip or --skip-empty left out, if any: "
             "row r of "
             "npy and\n"
             "fvecs is the text with the r-th index that is not listed there.\n"
             "Any amount of input is read in constant memory. With --input FILE and --output FILE an "
             "interrupted run\n"
             "(Ctrl-C, kill -9, a full disk) is continued by the same command and gives the same bytes.\n",
         .examples =
             "  echo 'a cat sits on the mat' | akidb-embed embed\n"
             "  akidb-embed embed --input texts.txt --output vectors.npy\n"
             "  akidb-embed embed --input docs.jsonl --field body --output docs.fvecs --on-error skip\n"
             "  akidb-embed embed --input table.csv --column title --output - | head -1\n",
         .run = command_embed},
    [COMMAND_RERANK] =
        {.name = "rerank",
         .summary = "put texts into the order in which they answer a query",
         .argument_hint = "Texts come from stdin or a file: akidb-embed rerank --query TEXT --input FILE.",
         .description =
             "Reads texts as `embed` does, scores each together with --query by a cross-encoder, and writes "
             "one "
             "JSON\n"
             "object for each, best first: {\"index\":3,\"score\":0.98,\"text\":\"...\"}. index counts the "
             "input's "
             "texts from 0;\n"
             "the \"id\" of a JSONL input stands behind it. With --top-n only the best are kept in memory.\n",
         .examples =
             "  akidb-embed rerank --model cross-encoder/ms-marco-MiniLM-L6-v2 --query 'how do cats purr' "
             "< texts.txt\n"
             "  akidb-embed rerank --model ./reranker --query 'tax 2026' --input docs.jsonl --field body "
             "--top-n 10\n",
         .run = command_rerank},
    [COMMAND_TOKENIZE] = {.name = "tokenize",
                          .summary = "print the token ids of texts",
                          .argument_hint =
                              "Texts come from stdin or a file: akidb-embed tokenize --input FILE.",
                          .description =
                              "Reads texts as `embed` does and prints one JSON object for each:\n"
                              "{\"ids\":[101,...,102],\"tokens\":[\"[CLS]\",...,\"[SEP]\"],\"truncated\":"
                              "false}. Ids are uncut unless\n"
                              "--max-length says so. Only the model's tokenizer is read, not its weights.\n",
                          .examples =
                              "  echo 'unbelievable!' | akidb-embed tokenize\n"
                              "  akidb-embed tokenize --input docs.jsonl --max-length 256 > tokens.jsonl\n",
                          .run = command_tokenize},
    [COMMAND_PULL] = {.name = "pull",
                      .summary = "download a model from the Hugging Face hub",
                      .argument = "<id>",
                      .argument_hint =
                          "Name one model: akidb-embed pull sentence-transformers/all-MiniLM-L6-v2.",
                      .description = "Fills the Hugging Face cache, continues what an earlier try left, "
                                     "checks every file and prints the\n"
                                     "model's folder on stdout. Afterwards the model works offline. "
                                     "HF_TOKEN, HF_ENDPOINT, HF_HOME and\n"
                                     "HF_HUB_CACHE work as in huggingface_hub.\n",
                      .examples =
                          "  akidb-embed pull sentence-transformers/all-MiniLM-L6-v2\n"
                          "  HF_ENDPOINT=https://mirror.example akidb-embed pull me/model --revision v1.0\n",
                      .run = command_pull},
    [COMMAND_MODELS] = {.name = "models",
                        .summary = "list the downloaded and the served models, or delete one",
                        .verb = "remove",
                        .verb_argument = "<id>",
                        .argument_hint = "To delete a model: akidb-embed models remove <id>.",
                        .description =
                            "Lists the models in the Hugging Face cache: id, revision, size and whether "
                            "all files are there;\n"
                            "with --server, also the models that a running service serves.\n"
                            "remove deletes a model from the cache, once no download of it is under way. A "
                            "service that has it\n"
                            "loaded keeps serving it until it loads the model anew.\n",
                        .examples = "  akidb-embed models\n"
                                    "  akidb-embed models --json\n"
                                    "  akidb-embed models --server http://127.0.0.1:8080\n"
                                    "  akidb-embed models remove sentence-transformers/all-MiniLM-L6-v2\n",
                        .run = command_models},
    [COMMAND_DOCTOR] =
        {.name = "doctor",
         .summary = "check this machine and the model",
         .argument_hint = "Name the model to check with --model.",
         .description =
             "Looks at the CPU, memory, cache and model files, embeds a sentence and, for all-MiniLM-L6-v2,\n"
             "compares the vector with the one that sentence-transformers gives. Each line says ok, note, "
             "warn or\n"
             "fail, and what to do. Exits with 1 when something failed.\n",
         .examples = "  akidb-embed doctor\n"
                     "  akidb-embed doctor --model ./my-model --json\n",
         .run = command_doctor},
    [COMMAND_BENCH] =
        {.name = "bench",
         .summary = "measure this machine's speed",
         .argument_hint = "Name the texts to measure with by --corpus FILE, or their length by --length.",
         .description =
             "Embeds real text with the model and says how fast: tokens and texts per second of large calls "
             "on all\n"
             "threads, the time of a single text on the idle engine (p50, p99), and the share of this CPU's "
             "peak: what\n"
             "the instructions in use do at best, measured in between. Close other programs first.\n",
         .examples = "  akidb-embed bench\n"
                     "  akidb-embed bench --length 128 --threads 1 --seconds 10\n"
                     "  akidb-embed bench --all-precisions\n"
                     "  akidb-embed bench --corpus texts.txt --json\n",
         .run = command_bench},
};

command_id command_by_name(const char *name)
{
    command_id id = 0;
    while (id < COMMAND_TOTAL && strcmp(command_table[id].name, name) != 0)
        id++;
    return id;
}
