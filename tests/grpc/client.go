// Calls of the service by Go's gRPC, for tests/grpc/test_go_client.py, which says what must come: one line of JSON for each step.
//
//	client ADDRESS DEFINITIONS MODEL [CA]
//
// DEFINITIONS is a FileDescriptorSet of proto/; CA a certificate in PEM: then TLS is spoken. Health and reflection are asked with the
// code that gRPC's own module has for them.
package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionalpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

const patience = 120 * time.Second

var files *protoregistry.Files

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func tell(step string, value any) {
	must(json.NewEncoder(os.Stdout).Encode(map[string]any{"step": step, "value": value}))
}

func messageOf(name, content string) *dynamicpb.Message {
	found, err := files.FindDescriptorByName(protoreflect.FullName(name))
	must(err)
	message := dynamicpb.NewMessage(found.(protoreflect.MessageDescriptor))
	must(protojson.Unmarshal([]byte(content), message))
	return message
}

func vector(message *dynamicpb.Message) string {
	list := message.Get(message.Descriptor().Fields().ByName("embeddings")).List()
	bytes := make([]byte, 0, 4*list.Len())
	for i := 0; i < list.Len(); i++ {
		bytes = binary.LittleEndian.AppendUint32(bytes, math.Float32bits(float32(list.Get(i).Float())))
	}
	return base64.StdEncoding.EncodeToString(bytes)
}

func embedRequest(text string) *dynamicpb.Message {
	content, err := json.Marshal(map[string]any{"inputs": text, "truncate": true, "normalize": true})
	must(err)
	return messageOf("tei.v1.EmbedRequest", string(content))
}

func embed(connection *grpc.ClientConn, text string, options ...grpc.CallOption) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	reply := messageOf("tei.v1.EmbedResponse", "{}")
	err := connection.Invoke(ctx, "/tei.v1.Embed/Embed", embedRequest(text), reply, options...)
	return vector(reply), err
}

func stream(connection *grpc.ClientConn, texts []string) []string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	description := &grpc.StreamDesc{StreamName: "EmbedStream", ServerStreams: true, ClientStreams: true}
	calls, err := connection.NewStream(ctx, description, "/tei.v1.Embed/EmbedStream")
	must(err)
	go func() {
		for _, text := range texts {
			if calls.SendMsg(embedRequest(text)) != nil {
				return
			}
		}
		_ = calls.CloseSend()
	}()
	vectors := []string{}
	for {
		reply := messageOf("tei.v1.EmbedResponse", "{}")
		err := calls.RecvMsg(reply)
		if err == io.EOF {
			return vectors
		}
		must(err)
		vectors = append(vectors, vector(reply))
	}
}

func health(connection *grpc.ClientConn) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client := grpc_health_v1.NewHealthClient(connection)
	reply, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	must(err)
	tell("check", reply.Status.String())
	_, err = client.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "no.such"})
	tell("check unknown", status.Code(err).String())
	watching, err := client.Watch(ctx, &grpc_health_v1.HealthCheckRequest{Service: "tei.v1.Embed"})
	must(err)
	first, err := watching.Recv()
	must(err)
	tell("watch", first.Status.String())
}

func reflect(connection *grpc.ClientConn) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	asking, err := reflection.NewServerReflectionClient(connection).ServerReflectionInfo(ctx)
	must(err)
	must(asking.Send(&reflection.ServerReflectionRequest{
		MessageRequest: &reflection.ServerReflectionRequest_ListServices{ListServices: "*"}}))
	reply, err := asking.Recv()
	must(err)
	names := []string{}
	for _, service := range reply.GetListServicesResponse().Service {
		names = append(names, service.Name)
	}
	tell("services", names)
	before, err := reflectionalpha.NewServerReflectionClient(connection).ServerReflectionInfo(ctx)
	must(err)
	must(before.Send(&reflectionalpha.ServerReflectionRequest{
		MessageRequest: &reflectionalpha.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "tei.v1.Embed"}}))
	found, err := before.Recv()
	must(err)
	file := &descriptorpb.FileDescriptorProto{}
	must(proto.Unmarshal(found.GetFileDescriptorResponse().FileDescriptorProto[0], file))
	tell("file", file.GetName())
}

func infer(connection *grpc.ClientConn, model string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	content := fmt.Sprintf(`{"modelName":%q,"inputs":[{"name":"text","datatype":"BYTES","shape":["1"]}],"rawInputContents":[%q]}`,
		model, base64.StdEncoding.EncodeToString([]byte("\x05\x00\x00\x00hello")))
	reply := messageOf("inference.ModelInferResponse", "{}")
	must(connection.Invoke(ctx, "/inference.GRPCInferenceService/ModelInfer", messageOf("inference.ModelInferRequest", content), reply))
	raw := reply.Get(reply.Descriptor().Fields().ByName("raw_output_contents")).List().Get(0).Bytes()
	tell("infer", base64.StdEncoding.EncodeToString(raw))
}

func refusals(connection *grpc.ClientConn) {
	_, err := embed(connection, "")
	tell("empty", status.Code(err).String())
	ctx, cancel := context.WithTimeout(context.Background(), time.Nanosecond)
	defer cancel()
	err = connection.Invoke(ctx, "/tei.v1.Embed/Embed", embedRequest("hello"), messageOf("tei.v1.EmbedResponse", "{}"))
	tell("late", status.Code(err).String())
	ctx, cancel = context.WithTimeout(context.Background(), patience)
	defer cancel()
	err = connection.Invoke(ctx, "/tei.v1.Embed/Nothing", embedRequest("hello"), messageOf("tei.v1.EmbedResponse", "{}"))
	tell("unknown", status.Code(err).String())
}

func headers(connection *grpc.ClientConn) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var head metadata.MD
	ctx = metadata.AppendToOutgoingContext(ctx, "x-request-id", "from-go")
	must(connection.Invoke(ctx, "/tei.v1.Embed/Embed", embedRequest("hello"), messageOf("tei.v1.EmbedResponse", "{}"), grpc.Header(&head)))
	tell("request id", head.Get("x-request-id"))
}

func many(connection *grpc.ClientConn) {
	var group sync.WaitGroup
	vectors := make([]string, 64)
	for i := range vectors {
		group.Add(1)
		go func() {
			defer group.Done()
			got, err := embed(connection, fmt.Sprintf("text %d", i%4))
			must(err)
			vectors[i] = got
		}()
	}
	group.Wait()
	tell("many", vectors)
}

func main() {
	set := &descriptorpb.FileDescriptorSet{}
	content, err := os.ReadFile(os.Args[2])
	must(err)
	must(proto.Unmarshal(content, set))
	files, err = protodesc.NewFiles(set)
	must(err)
	credential := insecure.NewCredentials()
	if len(os.Args) > 4 {
		credential, err = credentials.NewClientTLSFromFile(os.Args[4], "localhost")
		must(err)
	}
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(credential),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, PermitWithoutStream: true}))
	must(err)
	defer connection.Close()
	health(connection)
	reflect(connection)
	plain, err := embed(connection, "hello")
	must(err)
	tell("embed", plain)
	packed, err := embed(connection, "hello", grpc.UseCompressor(gzip.Name))
	must(err)
	tell("embed gzip", packed)
	texts := []string{}
	for i := 0; i < 200; i++ {
		texts = append(texts, fmt.Sprintf("text %d", i))
	}
	tell("stream", stream(connection, texts))
	many(connection)
	infer(connection, os.Args[3])
	refusals(connection)
	headers(connection)
}
