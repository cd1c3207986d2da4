// The clients of Go's modules, driven by tests/clients/driver.py: a line of JSON asks, a line of JSON answers.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"strconv"

	cohere "github.com/cohere-ai/cohere-go/v2"
	cohereclient "github.com/cohere-ai/cohere-go/v2/client"
	coherecore "github.com/cohere-ai/cohere-go/v2/core"
	cohereoption "github.com/cohere-ai/cohere-go/v2/option"
	ollama "github.com/ollama/ollama/api"
	openai "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	sashabaranov "github.com/sashabaranov/go-openai"
	"github.com/tmc/langchaingo/embeddings"
	langjina "github.com/tmc/langchaingo/embeddings/jina"
	langollama "github.com/tmc/langchaingo/llms/ollama"
	langopenai "github.com/tmc/langchaingo/llms/openai"
)

// With texts: embed them; Whole: one that is too long shall be refused. Without: rank the documents for the query.
type question struct {
	Client, URL, Key, Model, Query string
	Texts, Documents               []string
	Whole                          bool
}

type failure struct {
	Error   string `json:"error"`
	Status  int    `json:"status,omitempty"`
	Message string `json:"message"`
}

type client struct {
	embed func(ask question) ([][]float64, error)
	rank  func(ask question) ([][2]float64, error) // pairs of index and score
}

func widened(vectors [][]float32) [][]float64 {
	wide := make([][]float64, len(vectors))
	for i, vector := range vectors {
		wide[i] = make([]float64, len(vector))
		for j, number := range vector {
			wide[i][j] = float64(number)
		}
	}
	return wide
}

func openaiEmbed(ask question) ([][]float64, error) {
	service := openai.NewClient(option.WithBaseURL(ask.URL+"/v1"), option.WithAPIKey(ask.Key))
	options := []option.RequestOption{}
	if ask.Whole {
		options = append(options, option.WithJSONSet("truncate", false))
	}
	reply, err := service.Embeddings.New(context.Background(), openai.EmbeddingNewParams{
		Model: ask.Model,
		Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: ask.Texts},
	}, options...)
	if err != nil {
		return nil, err
	}
	vectors := make([][]float64, len(reply.Data))
	for i, item := range reply.Data {
		vectors[i] = item.Embedding
	}
	return vectors, nil
}

func sashabaranovEmbed(ask question) ([][]float64, error) {
	config := sashabaranov.DefaultConfig(ask.Key)
	config.BaseURL = ask.URL + "/v1"
	request := sashabaranov.EmbeddingRequest{Input: ask.Texts, Model: sashabaranov.EmbeddingModel(ask.Model)}
	if ask.Whole {
		request.ExtraBody = map[string]any{"truncate": false}
	}
	reply, err := sashabaranov.NewClientWithConfig(config).CreateEmbeddings(context.Background(), request)
	if err != nil {
		return nil, err
	}
	vectors := make([][]float32, len(reply.Data))
	for i, item := range reply.Data {
		vectors[i] = item.Embedding
	}
	return widened(vectors), nil
}

// withKey sends a key with each request; Ollama's client has no argument for one.
type withKey string

func (key withKey) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+string(key))
	return http.DefaultTransport.RoundTrip(request)
}

func ollamaEmbed(ask question) ([][]float64, error) {
	address, err := url.Parse(ask.URL)
	if err != nil {
		return nil, err
	}
	request := &ollama.EmbedRequest{Model: ask.Model, Input: ask.Texts}
	if ask.Whole {
		request.Truncate = new(bool)
	}
	reply, err := ollama.NewClient(address, &http.Client{Transport: withKey(ask.Key)}).Embed(context.Background(), request)
	if err != nil {
		return nil, err
	}
	return widened(reply.Embeddings), nil
}

func cohereService(ask question) *cohereclient.Client {
	return cohereclient.NewClient(cohereoption.WithBaseURL(ask.URL), cohereoption.WithToken(ask.Key))
}

func cohereEmbed(ask question) ([][]float64, error) {
	request := &cohere.V2EmbedRequest{Texts: ask.Texts, Model: ask.Model, InputType: cohere.EmbedInputTypeSearchDocument,
		EmbeddingTypes: []cohere.EmbeddingType{cohere.EmbeddingTypeFloat}}
	if ask.Whole {
		request.Truncate = cohere.V2EmbedRequestTruncateNone.Ptr()
	}
	reply, err := cohereService(ask).V2.Embed(context.Background(), request)
	if err != nil {
		return nil, err
	}
	return reply.Embeddings.Float, nil
}

func cohereRank(ask question) ([][2]float64, error) {
	reply, err := cohereService(ask).V2.Rerank(context.Background(), &cohere.V2RerankRequest{Model: ask.Model, Query: ask.Query, Documents: ask.Documents})
	if err != nil {
		return nil, err
	}
	scores := make([][2]float64, len(reply.Results))
	for i, row := range reply.Results {
		scores[i] = [2]float64{float64(row.Index), row.RelevanceScore}
	}
	return scores, nil
}

func cohere1Embed(ask question) ([][]float64, error) {
	request := &cohere.EmbedRequest{Texts: ask.Texts, Model: &ask.Model, InputType: cohere.EmbedInputTypeSearchDocument.Ptr()}
	if ask.Whole {
		request.Truncate = cohere.EmbedRequestTruncateNone.Ptr()
	}
	reply, err := cohereService(ask).Embed(context.Background(), request)
	if err != nil {
		return nil, err
	}
	return reply.EmbeddingsFloats.Embeddings, nil
}

func cohere1Rank(ask question) ([][2]float64, error) {
	request := &cohere.RerankRequest{Model: &ask.Model, Query: ask.Query}
	for _, text := range ask.Documents {
		request.Documents = append(request.Documents, &cohere.RerankRequestDocumentsItem{String: text})
	}
	reply, err := cohereService(ask).Rerank(context.Background(), request)
	if err != nil {
		return nil, err
	}
	scores := make([][2]float64, len(reply.Results))
	for i, row := range reply.Results {
		scores[i] = [2]float64{float64(row.Index), row.RelevanceScore}
	}
	return scores, nil
}

// langChainEmbed asks by any of langchaingo's models that embed; its embedder makes batches of 512.
func langChainEmbed(model embeddings.EmbedderClient, err error, ask question) ([][]float64, error) {
	if err != nil {
		return nil, err
	}
	embedder, err := embeddings.NewEmbedder(model)
	if err != nil {
		return nil, err
	}
	vectors, err := embedder.EmbedDocuments(context.Background(), ask.Texts)
	if err != nil {
		return nil, err
	}
	return widened(vectors), nil
}

func langChainOpenai(ask question) ([][]float64, error) {
	model, err := langopenai.New(langopenai.WithBaseURL(ask.URL+"/v1"), langopenai.WithToken(ask.Key), langopenai.WithEmbeddingModel(ask.Model))
	return langChainEmbed(model, err, ask)
}

func langChainOllama(ask question) ([][]float64, error) {
	model, err := langollama.New(langollama.WithServerURL(ask.URL), langollama.WithModel(ask.Model),
		langollama.WithHTTPClient(&http.Client{Transport: withKey(ask.Key)}))
	return langChainEmbed(model, err, ask)
}

func langChainJina(ask question) ([][]float64, error) {
	model, err := langjina.NewJina(langjina.WithAPIBaseURL(ask.URL+"/v1/embeddings"), langjina.WithAPIKey(ask.Key), langjina.WithModel(ask.Model))
	if err != nil {
		return nil, err
	}
	vectors, err := model.EmbedDocuments(context.Background(), ask.Texts)
	if err != nil {
		return nil, err
	}
	return widened(vectors), nil
}

var clients = map[string]client{
	"openai-go":            {openaiEmbed, nil},
	"go-openai":            {sashabaranovEmbed, nil},
	"ollama":               {ollamaEmbed, nil},
	"cohere-go":            {cohereEmbed, cohereRank},
	"cohere-go, version 1": {cohere1Embed, cohere1Rank},
	"langchaingo, OpenAI":  {langChainOpenai, nil},
	"langchaingo, Ollama":  {langChainOllama, nil},
	"langchaingo, Jina":    {langChainJina, nil},
}

// langChainStatus is how langchaingo tells the reply's status.
var langChainStatus = regexp.MustCompile(`API returned unexpected status code: (\d{3})`)

// statusOf is the reply's status as the client tells it, or 0.
func statusOf(err error) int {
	var official *openai.Error
	var told *sashabaranov.APIError
	var bare *sashabaranov.RequestError
	var refused ollama.StatusError
	var stranger ollama.AuthorizationError
	var generated *coherecore.APIError
	switch {
	case errors.As(err, &official):
		return official.StatusCode
	case errors.As(err, &told):
		return told.HTTPStatusCode
	case errors.As(err, &bare):
		return bare.HTTPStatusCode
	case errors.As(err, &refused):
		return refused.StatusCode
	case errors.As(err, &stranger):
		return stranger.StatusCode
	case errors.As(err, &generated):
		return generated.StatusCode
	}
	if text := langChainStatus.FindStringSubmatch(err.Error()); text != nil {
		status, _ := strconv.Atoi(text[1])
		return status
	}
	return 0
}

// nameOf is the name of the error's type.
func nameOf(err error) string {
	kind := reflect.TypeOf(err)
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	return kind.Name()
}

func answer(line []byte) any {
	var ask question
	if err := json.Unmarshal(line, &ask); err != nil {
		return failure{Error: "question", Message: err.Error()}
	}
	one, known := clients[ask.Client]
	if !known {
		return failure{Error: "question", Message: fmt.Sprintf("no client %q", ask.Client)}
	}
	if ask.Texts == nil {
		scores, err := one.rank(ask)
		if err != nil {
			return failure{nameOf(err), statusOf(err), err.Error()}
		}
		return map[string]any{"scores": scores}
	}
	vectors, err := one.embed(ask)
	if err != nil {
		return failure{nameOf(err), statusOf(err), err.Error()}
	}
	var numbers bytes.Buffer
	for _, vector := range vectors {
		binary.Write(&numbers, binary.LittleEndian, vector)
	}
	return map[string]any{"count": len(vectors), "vectors": base64.StdEncoding.EncodeToString(numbers.Bytes())}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<26)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		if err := out.Encode(answer(lines.Bytes())); err != nil {
			panic(err)
		}
	}
}
