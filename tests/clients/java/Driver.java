import com.cohere.api.Cohere;
import com.cohere.api.core.CohereApiException;
import com.cohere.api.requests.EmbedRequest;
import com.cohere.api.requests.RerankRequest;
import com.cohere.api.resources.v2.requests.V2EmbedRequest;
import com.cohere.api.resources.v2.requests.V2RerankRequest;
import com.cohere.api.resources.v2.types.V2EmbedRequestTruncate;
import com.cohere.api.types.EmbedInputType;
import com.cohere.api.types.EmbedRequestTruncate;
import com.cohere.api.types.EmbeddingType;
import com.cohere.api.types.RerankRequestDocumentsItem;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.errors.OpenAIServiceException;
import com.openai.models.embeddings.EmbeddingCreateParams;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.exception.HttpException;
import dev.langchain4j.model.cohere.CohereEmbeddingModel;
import dev.langchain4j.model.cohere.CohereScoringModel;
import dev.langchain4j.model.embedding.EmbeddingModel;
import dev.langchain4j.model.ollama.OllamaEmbeddingModel;
import dev.langchain4j.model.openai.OpenAiEmbeddingModel;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.springframework.ai.document.MetadataMode;
import org.springframework.ai.embedding.Embedding;
import org.springframework.ai.embedding.EmbeddingRequest;
import org.springframework.ai.ollama.api.OllamaApi;
import org.springframework.ai.ollama.api.OllamaEmbeddingOptions;
import org.springframework.ai.openai.OpenAiEmbeddingOptions;
import org.springframework.ai.openai.api.OpenAiApi;
import org.springframework.web.client.RestClient;

/** The clients of Maven's registry, driven by tests/clients/driver.py: a line of JSON asks, a line of JSON answers. */
final class Driver {
    /** Longer than any answer takes; LangChain4j waits a minute otherwise. */
    private static final Duration PATIENCE = Duration.ofMinutes(10);

    /** Spring AI's errors tell the reply's status in their message alone, and so do those of LangChain4j's classes for Cohere. */
    private static final Pattern STATUS = Pattern.compile("^(?:status code: )?(\\d{3})(?: - |;)");

    /** query: null, or the texts are documents to rank for it. whole: a text that is too long shall be refused, where the client can say so. */
    private record Question(String client, String url, String model, String key, boolean whole, String query, List<String> texts) { }

    private record Score(int index, double score) { }

    private static List<float[]> openai(Question ask) {
        var service = OpenAIOkHttpClient.builder().baseUrl(ask.url() + "/v1").apiKey(ask.key()).build();
        try {
            var request = EmbeddingCreateParams.builder().model(ask.model()).inputOfArrayOfStrings(ask.texts());
            if (ask.whole()) {
                request.putAdditionalBodyProperty("truncate", JsonValue.from(false));
            }
            return service.embeddings().create(request.build()).data().stream().map(item -> numbers(item.embedding())).toList();
        } finally {
            service.close();
        }
    }

    private static float[] numbers(List<Float> boxed) {
        float[] vector = new float[boxed.size()];
        for (int i = 0; i < vector.length; i++) {
            vector[i] = boxed.get(i);
        }
        return vector;
    }

    private static List<float[]> langChain(EmbeddingModel model, Question ask) {
        return model.embedAll(ask.texts().stream().map(TextSegment::from).toList()).content().stream().map(one -> one.vector()).toList();
    }

    private static List<float[]> langChainOpenAi(Question ask) {
        return langChain(OpenAiEmbeddingModel.builder().baseUrl(ask.url() + "/v1").apiKey(ask.key()).modelName(ask.model()).timeout(PATIENCE).build(), ask);
    }

    private static List<float[]> langChainOllama(Question ask) {
        return langChain(OllamaEmbeddingModel.builder().baseUrl(ask.url()).modelName(ask.model()).timeout(PATIENCE)
            .customHeaders(Map.of("Authorization", "Bearer " + ask.key())).build(), ask);
    }

    private static List<float[]> langChainCohere(Question ask) {
        return langChain(CohereEmbeddingModel.builder().baseUrl(ask.url() + "/v1/").apiKey(ask.key()).modelName(ask.model()).inputType("search_document")
            .timeout(PATIENCE).build(), ask);
    }

    /** The class gives the scores in the order of the documents. */
    private static List<Score> langChainCohereScores(Question ask) {
        var model = CohereScoringModel.builder().baseUrl(ask.url() + "/v1/").apiKey(ask.key()).modelName(ask.model()).timeout(PATIENCE).build();
        var found = model.scoreAll(ask.texts().stream().map(TextSegment::from).toList(), ask.query()).content();
        return IntStream.range(0, found.size()).mapToObj(index -> new Score(index, found.get(index)))
            .sorted(Comparator.comparingDouble(Score::score).reversed()).toList();
    }

    private static Cohere cohere(Question ask) {
        return Cohere.builder().url(ask.url()).token(ask.key()).timeout((int) PATIENCE.toSeconds()).build();
    }

    private static List<List<Double>> cohere2(Question ask) {
        var request = V2EmbedRequest.builder().model(ask.model()).inputType(EmbedInputType.SEARCH_DOCUMENT).texts(ask.texts())
            .embeddingTypes(List.of(EmbeddingType.FLOAT));
        if (ask.whole()) {
            request.truncate(V2EmbedRequestTruncate.NONE);
        }
        return cohere(ask).v2().embed(request.build()).getEmbeddings().getFloat().orElseThrow();
    }

    private static List<List<Double>> cohere1(Question ask) {
        var request = EmbedRequest.builder().model(ask.model()).inputType(EmbedInputType.SEARCH_DOCUMENT).texts(ask.texts());
        if (ask.whole()) {
            request.truncate(EmbedRequestTruncate.NONE);
        }
        return cohere(ask).embed(request.build()).getEmbeddingsFloats().orElseThrow().getEmbeddings();
    }

    private static List<Score> cohere2Scores(Question ask) {
        var request = V2RerankRequest.builder().model(ask.model()).query(ask.query()).documents(ask.texts()).build();
        return cohere(ask).v2().rerank(request).getResults().stream().map(row -> new Score(row.getIndex(), row.getRelevanceScore())).toList();
    }

    private static List<Score> cohere1Scores(Question ask) {
        var documents = ask.texts().stream().map(RerankRequestDocumentsItem::of).toList();
        var request = RerankRequest.builder().query(ask.query()).model(ask.model()).documents(documents).build();
        return cohere(ask).rerank(request).getResults().stream().map(row -> new Score(row.getIndex(), row.getRelevanceScore())).toList();
    }

    private static List<float[]> spring(org.springframework.ai.embedding.EmbeddingModel model, Question ask) {
        return model.call(new EmbeddingRequest(ask.texts(), null)).getResults().stream().map(Embedding::getOutput).toList();
    }

    private static List<float[]> springOpenAi(Question ask) {
        var api = OpenAiApi.builder().baseUrl(ask.url()).apiKey(ask.key()).build();
        var options = OpenAiEmbeddingOptions.builder().model(ask.model()).build();
        return spring(new org.springframework.ai.openai.OpenAiEmbeddingModel(api, MetadataMode.EMBED, options), ask);
    }

    private static List<float[]> springOllama(Question ask) {
        var sender = RestClient.builder().defaultHeader("Authorization", "Bearer " + ask.key());
        var api = OllamaApi.builder().baseUrl(ask.url()).restClientBuilder(sender).build();
        var options = OllamaEmbeddingOptions.builder().model(ask.model());
        if (ask.whole()) {
            options.truncate(false);
        }
        return spring(org.springframework.ai.ollama.OllamaEmbeddingModel.builder().ollamaApi(api).defaultOptions(options.build()).build(), ask);
    }

    private static List<double[]> wide(List<float[]> vectors) {
        return vectors.stream().map(one -> IntStream.range(0, one.length).mapToDouble(place -> one[place]).toArray()).toList();
    }

    private static List<double[]> unboxed(List<List<Double>> vectors) {
        return vectors.stream().map(one -> one.stream().mapToDouble(number -> number).toArray()).toList();
    }

    private static List<double[]> vectors(Question ask) {
        return switch (ask.client()) {
            case "openai-java" -> wide(openai(ask));
            case "LangChain4j, OpenAI" -> wide(langChainOpenAi(ask));
            case "LangChain4j, Ollama" -> wide(langChainOllama(ask));
            case "LangChain4j, Cohere" -> wide(langChainCohere(ask));
            case "Spring AI, OpenAI" -> wide(springOpenAi(ask));
            case "Spring AI, Ollama" -> wide(springOllama(ask));
            case "cohere-java" -> unboxed(cohere2(ask));
            case "cohere-java, version 1" -> unboxed(cohere1(ask));
            default -> throw new IllegalArgumentException("no client " + ask.client());
        };
    }

    private static List<Score> scores(Question ask) {
        return switch (ask.client()) {
            case "LangChain4j, Cohere" -> langChainCohereScores(ask);
            case "cohere-java" -> cohere2Scores(ask);
            case "cohere-java, version 1" -> cohere1Scores(ask);
            default -> throw new IllegalArgumentException("no client that ranks, " + ask.client());
        };
    }

    private static Map<String, Object> answer(JsonNode asked) {
        List<String> texts = new ArrayList<>();
        asked.get(asked.has("query") ? "documents" : "texts").forEach(text -> texts.add(text.asText()));
        Question ask = new Question(asked.get("client").asText(), asked.get("url").asText(), asked.get("model").asText(), asked.get("key").asText(),
            asked.path("whole").asBoolean(), asked.path("query").asText(null), texts);
        if (ask.query() != null) {
            return Map.of("scores", scores(ask).stream().map(row -> List.of(row.index(), row.score())).toList());
        }
        List<double[]> found = vectors(ask);
        ByteBuffer bytes = ByteBuffer.allocate(found.stream().mapToInt(one -> 8 * one.length).sum()).order(ByteOrder.LITTLE_ENDIAN);
        for (double[] one : found) {
            for (double number : one) {
                bytes.putDouble(number);
            }
        }
        return Map.of("count", found.size(), "vectors", Base64.getEncoder().encodeToString(bytes.array()));
    }

    private static Map<String, Object> told(Throwable error) {
        Map<String, Object> reply = new LinkedHashMap<>();
        reply.put("error", error.getClass().getSimpleName());
        reply.put("message", String.valueOf(error.getMessage()));
        Matcher status = STATUS.matcher(String.valueOf(error.getMessage()));
        if (status.find()) {
            reply.put("status", Integer.parseInt(status.group(1)));
        }
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            if (cause instanceof HttpException told) {
                reply.put("status", told.statusCode());
            } else if (cause instanceof OpenAIServiceException told) {
                reply.put("status", told.statusCode());
            } else if (cause instanceof CohereApiException told) {
                reply.put("status", told.statusCode());
            }
        }
        return reply;
    }

    public static void main(String[] arguments) throws Exception {
        ObjectMapper json = new ObjectMapper();
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            Map<String, Object> reply;
            try {
                reply = answer(json.readTree(line));
            } catch (Exception error) {
                reply = told(error);
            }
            out.println(json.writeValueAsString(reply));
        }
    }
}
