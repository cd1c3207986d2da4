import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.errors.OpenAIServiceException;
import com.openai.models.embeddings.EmbeddingCreateParams;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.exception.HttpException;
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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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

    /** Spring AI's errors tell the reply's status in their message alone. */
    private static final Pattern STATUS = Pattern.compile("^(\\d{3}) - ");

    /** whole: a text that is too long shall be refused, where the client can say so. */
    private record Question(String client, String url, String model, String key, boolean whole, List<String> texts) { }

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

    private static List<float[]> vectors(Question ask) {
        return switch (ask.client()) {
            case "openai-java" -> openai(ask);
            case "LangChain4j, OpenAI" -> langChainOpenAi(ask);
            case "LangChain4j, Ollama" -> langChainOllama(ask);
            case "Spring AI, OpenAI" -> springOpenAi(ask);
            case "Spring AI, Ollama" -> springOllama(ask);
            default -> throw new IllegalArgumentException("no client " + ask.client());
        };
    }

    private static Map<String, Object> answer(JsonNode ask) {
        List<String> texts = new ArrayList<>();
        ask.get("texts").forEach(text -> texts.add(text.asText()));
        List<float[]> found = vectors(new Question(ask.get("client").asText(), ask.get("url").asText(), ask.get("model").asText(), ask.get("key").asText(),
            ask.path("whole").asBoolean(), texts));
        ByteBuffer bytes = ByteBuffer.allocate(found.stream().mapToInt(one -> 8 * one.length).sum()).order(ByteOrder.LITTLE_ENDIAN);
        for (float[] one : found) {
            for (float number : one) {
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
