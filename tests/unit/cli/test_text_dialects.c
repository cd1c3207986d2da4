/* CSV and JSONL as programs and people write them, each with the records expected from it. */
#include "unit.h"

#include "base/buf.h"
#include "cli/bulk/text_reader.h"

#define NAMED(column_name)                                                                                   \
    {                                                                                                        \
        .column = column_name, .usual_delimiter = ',', .header = true                                        \
    }

static const csv_settings automatic = {.usual_delimiter = ',', .header = true};
static const csv_settings tsv = {.usual_delimiter = '\t', .header = true};
static const csv_settings comma = {.delimiter = ',', .usual_delimiter = ',', .header = true};
static const csv_settings pipe_sign = {.delimiter = '|', .usual_delimiter = ',', .header = true};
static const csv_settings second = NAMED("2");
static const csv_settings title = NAMED("title");
static const csv_settings bare = {.usual_delimiter = ','};
static const csv_settings bare_second = {.column = "2", .usual_delimiter = ','};
static const csv_settings bare_tsv = {.column = "2", .usual_delimiter = '\t'};

/* Each record as "line:text ", "!" for one that is reported as bad, at the end "FAIL" where reading cannot go on or "REFUSED"
 * where it cannot begin. NUL and line ends of texts show as <0>, <LF> and <CR>. */
typedef struct dialect {
    const csv_settings *csv;
    const char *input;
    size_t length;
    const char *records;
} dialect;

#define ROWS(settings, text, expected)                                                                       \
    {                                                                                                        \
        &settings, text, sizeof text - 1, expected                                                           \
    }

static const dialect csv_dialects[] = {
    /* Delimiters, told from the header. */
    ROWS(automatic, "text\na\nb\n", "2:a 3:b "),
    ROWS(automatic, "id,text\n1,a\n2,b\n", "2:a 3:b "),
    ROWS(automatic, "id;text\n1;Hello, world\n2;Again\n", "2:Hello, world 3:Again "),
    ROWS(automatic, "id\ttext\n1\ta, b; c\n", "2:a, b; c "),
    ROWS(automatic, "id|text|n\n1|a, b; c|x\n", "2:a, b; c "),
    ROWS(automatic, "id;text;a,b,c,d\n1;Hello, world;0\n", "2:Hello, world "),
    ROWS(automatic, "\"id\";\"text\"\n\"1\";\"a;b\"\n", "2:a;b "),
    ROWS(automatic, "\"a,b,c\";text\n1;x, y\n", "2:x, y "),
    ROWS(automatic, "\"id;x\",text\n1,a\n", "2:a "),
    ROWS(automatic, "review\na; b\n", "2:a; b "),
    ROWS(automatic, "review\na, b\n", "!"),
    ROWS(automatic, "review;long\na;b\n", "REFUSED"),
    ROWS(title, "id;title\n1;a, b\n", "2:a, b "),
    ROWS(title, "id,title;x\n1,a;b\n", "REFUSED"),
    ROWS(second, "id;name\n1;a\n", "2:a "),
    ROWS(second, "id;name,long\n1;a,b\n", "REFUSED"),
    ROWS(tsv, "id\ttext\n1\ta\n", "2:a "),
    ROWS(tsv, "a,b,c\ttext\n1\tx\n", "2:x "),
    ROWS(tsv, "id;text\n1;a\n", "2:a "),
    ROWS(comma, "id;text\n1;a\n", "2:1;a "),
    ROWS(comma, "id;text\n1;a, b\n", "!"),
    ROWS(pipe_sign, "id|text,x\n1|a\n", "REFUSED"),
    ROWS(pipe_sign, "id|text\n1|a\n", "2:a "),
    /* Delimiters without a header: the first row is a text, and guessing wrong would embed other columns. */
    ROWS(bare, "just a line\nand one more\n", "1:just a line 2:and one more "),
    ROWS(bare, "1,a\n2,b\n", "!!"),
    ROWS(bare, "1;a\n2;b\n", "!!"),
    ROWS(bare_second, "1,a\n2,b\n", "1:a 2:b "),
    ROWS(bare_second, "1;a\n2;b, c\n", "1:a 2:b, c "),
    ROWS(bare_second, "1;Hello, world\n2;b\n", "REFUSED"),
    ROWS(bare_second, "1,\"a; b\"\n2,c\n", "1:a; b 2:c "),
    ROWS(bare_second, "1,\"a\nb\"\n2,c,d\n", "1:a<LF>b !"),
    ROWS(bare_second, "1,a\n2,b,c\n3\n4,d\n", "1:a !!4:d "),
    /* A first row with a bad quote tells nothing: the first good one does, wherever a run goes on. */
    ROWS(bare_second, "1,\"a\"x\n2,b\n3,c,d\n4,e\n", "!2:b !4:e "),
    ROWS(bare_second, "1,\"a\n\"x\n\n2,b\n3,c,d\n4,e\n", "!4:b !6:e "),
    ROWS(bare_second, "\"x\"y\n1\n2,b\n3\n", "!!!!"),
    ROWS(bare_tsv, "1\tHello, world; again\n", "1:Hello, world; again "),
    ROWS(bare_second, "1,\"a \"\"b; c\"\"\"\n", "1:a \"b; c\" "),
    ROWS(bare_second, "", ""),
    ROWS(bare_second,
         "\xEF\xBB\xBF"
         "1,\"a\r\nb\"\r\n2,c\r\n3,d,e\r\n",
         "1:a<CR><LF>b 3:c !"),
    ROWS(bare, "\"a, b\"\n\"c\"\n", "1:a, b 2:c "),
    /* Columns: as many as in the header. */
    ROWS(automatic, "text\nI love this, except the battery\nfine\n", "!3:fine "),
    ROWS(automatic, "id,text\n1,a,b\n2,c\n", "!3:c "),
    ROWS(automatic, "id,text\n1\n2,c\n", "!3:c "),
    ROWS(automatic, "text,id,x\na,1\nb,2,3\n", "!3:b "),
    ROWS(automatic, "id,text,note\n1,cut here\n by a line end,x\n2,a,b\n", "!!4:a "),
    ROWS(automatic, "id,text\n1,a,\n2,c\n", "!3:c "),
    ROWS(automatic, "id,text,\n1,a,\n", "2:a "),
    ROWS(automatic, "text,text\na,b\n", "REFUSED"),
    ROWS(automatic, "x,x,text\na,b,c\n", "2:c "),
    ROWS(second, "text,text\na,b\n", "2:b "),
    ROWS(automatic, ",text\n1,a\n", "2:a "),
    ROWS(automatic, "id, text\n1,a\n", "REFUSED"),
    ROWS(automatic, "Text,id\na,1\n", "REFUSED"),
    /* Ends of lines. */
    ROWS(automatic, "id,text\r\n1,a\r\n2,b", "2:a 3:b "),
    ROWS(automatic, "id,text\r1,a\r2,b\r", "2:a 3:b "),
    ROWS(automatic, "text\ra\rb", "2:a 3:b "),
    ROWS(automatic, "id,text\r1,a\n2,b\r\n3,c\r\r\n4,d", "2:a 3:b 4:c 6:d "),
    ROWS(automatic, "id,text\r1,\"a\rb\r\nc\nd\"\r2,e\r", "2:a<CR>b<CR><LF>c<LF>d 6:e "),
    ROWS(automatic, "id,\"text\"\r\n1,\"a\"\r\n", "2:a "),
    ROWS(automatic, "\n\r\n\rid,text\n\n1,a\n\n\n2,b\n\n", "6:a 9:b "),
    ROWS(automatic, "text\n\"\"\n\na\n", "!4:a "),
    ROWS(automatic, "id,text\n,\n1,\" \"\n", "!3:  "),
    ROWS(automatic, "id,text\n \n1,a\n", "!3:a "),
    ROWS(automatic, "id,text\n", ""),
    ROWS(automatic, "", "REFUSED"),
    ROWS(automatic, "\r\n\n\r", "REFUSED"),
    /* Marks and bytes. */
    ROWS(automatic, "\xEF\xBB\xBFtext,id\na,1\n", "2:a "),
    ROWS(automatic, "\xEF\xBB\xBF\"text\";id\na;1\n", "2:a "),
    ROWS(automatic, "\xEF\xBB\xBF\r\ntext\r\na\r\n", "3:a "),
    ROWS(automatic, "id,text\n1,a\0b\n", "2:a<0>b "),
    ROWS(automatic, "id,text\n1,\0\n", "2:<0> "),
    ROWS(automatic, "id,text\n1,caf\xE9\n2,caf\xC3\xA9\n", "!3:caf\xC3\xA9 "),
    ROWS(automatic, "id,text\n\xFF,a\n", "2:a "),
    /* Quotes. */
    ROWS(automatic, "id,text\n1,\"a, \"\"b\"\"\"\n", "2:a, \"b\" "),
    ROWS(automatic, "id,text\n1,5\" pipe\n2,a \"b\" c\n", "2:5\" pipe 3:a \"b\" c "),
    ROWS(automatic, "id,text\n1, \"a\"\n", "2: \"a\" "),
    ROWS(automatic, "id,text\n1, \"a, b\"\n2,c\n", "!3:c "),
    ROWS(automatic, "id,text\n1,\"a\"b\n2,c\n", "!3:c "),
    ROWS(automatic, "id,text\n\"1\"x,\"a\nb\"\n2,c\n", "!4:c "),
    ROWS(automatic, "id,text\n1,\"a\n2,b\n", "FAIL"),
    ROWS(automatic, "id,text\n1,'a, b'\n2,c\n", "!3:c "),
    ROWS(automatic, "id,text\n1,\"a\\\"\n2,b\n", "2:a\\ 3:b "),
    ROWS(automatic, "id,\"te\nxt\",text\n1,2,a\n", "3:a "),
    ROWS(automatic, "id,text\n1,\"\"\"\"\n", "2:\" "),
};

static const dialect jsonl_dialects[] = {
    ROWS(automatic, "{\"text\":\"a\"}\n{\"text\":\"b\"}", "1:a 2:b "),
    ROWS(automatic, "\n \t\r\n{\"text\":\"a\"}\r\n", "3:a "),
    ROWS(automatic, "\xEF\xBB\xBF{\"text\":\"a\"}\n", "1:a "),
    ROWS(automatic, "{\"text\":\"a\"}\n\xEF\xBB\xBF{\"text\":\"b\"}\n", "1:a !"),
    /* Numbers in other fields: any size is accepted, bad grammar is not. */
    ROWS(automatic, "{\"n\":9223372036854775808,\"text\":\"a\"}\n", "1:a "),
    ROWS(automatic, "{\"n\":18446744073709551616,\"text\":\"a\"}\n", "1:a "),
    ROWS(automatic, "{\"text\":\"a\",\"n\":-99999999999999999999999999999999}\n", "1:a "),
    ROWS(automatic, "{\"text\":\"a\",\"n\":1e400,\"m\":[{\"k\":-1E+999}]}\n", "1:a "),
    ROWS(automatic, "{\"text\":\"a\",\"n\":NaN}\n{\"text\":\"b\"}\n", "!2:b "),
    ROWS(automatic, "{\"text\":\"a\",\"n\":01}\n", "!"),
    /* Ids, in their bytes. */
    ROWS(automatic, "{\"id\":0.1,\"text\":\"a\"}\n", "1:a|0.1 "),
    ROWS(automatic, "{\"id\":1e3,\"text\":\"a\"}\n", "1:a|1e3 "),
    ROWS(automatic, "{\"id\":1.0,\"text\":\"a\"}\n", "1:a|1.0 "),
    ROWS(automatic, "{\"id\":-0,\"text\":\"a\"}\n", "1:a|-0 "),
    ROWS(automatic, "{\"id\":18446744073709551615,\"text\":\"a\"}\n", "1:a|18446744073709551615 "),
    ROWS(automatic, "{\"id\":1E400,\"text\":\"a\"}\n", "1:a|1E400 "),
    ROWS(automatic, "{\"id\":\"x\\u0041\\/\\n\",\"text\":\"a\"}\n", "1:a|\"x\\u0041\\/\\n\" "),
    ROWS(automatic, "{\"id\":\"\\ud83d\\ude00\",\"text\":\"a\"}\n", "1:a|\"\\ud83d\\ude00\" "),
    ROWS(automatic, "{\"id\":\"\xF0\x9F\x98\x80\",\"text\":\"a\"}\n", "1:a|\"\xF0\x9F\x98\x80\" "),
    ROWS(automatic, "{\"id\":null,\"text\":\"a\"}\n", "1:a|null "),
    ROWS(automatic, "{\"id\": [1, {\"b\":2.50}] ,\"text\":\"a\"}\n", "1:a|[1, {\"b\":2.50}] "),
    ROWS(automatic, "{\"\\u0069d\":7,\"text\":\"a\"}\n", "1:a|7 "),
    ROWS(automatic, "{\"ID\":7,\"x\":{\"id\":8},\"text\":\"a\"}\n", "1:a "),
    /* Texts. */
    ROWS(automatic, "{\"text\":\"a\\n\\u0000\\r\"}\n", "1:a<LF><0><CR> "),
    ROWS(automatic, "{\"te\\u0078t\":\"\\u00e9\"}\n", "1:\xC3\xA9 "),
    ROWS(automatic, "{\"text\":\"\\ud83d\\ude00\"}\n", "1:\xF0\x9F\x98\x80 "),
    ROWS(automatic, "{\"text\":\"\\ud800\"}\n{\"text\":\"\\udc00 x\"}\n", "!!"),
    ROWS(automatic, "{\"other\":\"\\ud800\",\"text\":\"a\"}\n", "1:a "),
    ROWS(automatic, "{\"text\":\"\"}\n{\"text\":null}\n{\"text\":1}\n{\"text\":[\"a\"]}\n", "!!!!"),
    ROWS(automatic, "{\"body\":{\"text\":\"a\"}}\n", "!"),
    ROWS(automatic, "{}\n", "!"),
    /* Names that occur twice. */
    ROWS(automatic, "{\"text\":\"a\",\"text\":\"b\"}\n", "!"),
    ROWS(automatic, "{\"text\":\"a\",\"te\\u0078t\":\"b\"}\n", "!"),
    ROWS(automatic, "{\"id\":1,\"id\":1,\"text\":\"b\"}\n", "!"),
    ROWS(automatic, "{\"n\":1,\"n\":2,\"text\":\"a\"}\n", "1:a "),
    /* Lines that are not JSON. */
    ROWS(automatic, "{\"text\":\"a\"} x\n{\"text\":\"b\"}{\"text\":\"c\"}\n", "!!"),
    ROWS(automatic, "{\"text\":\"a\",}\n{'text':'a'}\n{text:\"a\"}\n", "!!!"),
    ROWS(automatic, "{\"text\":\"a\"\n{\"text\":\"b\"}\n", "!2:b "),
    ROWS(automatic, "{\"text\":\"a\tb\"}\n{\"text\":\"\\x\"}\n", "!!"),
    ROWS(automatic, "{\"text\":\"a\0b\"}\n{\"text\":\"a\"}\0\n", "!!"),
    ROWS(automatic, "{\"text\":\"caf\xE9\"}\n{\"n\":\"\xFF\",\"text\":\"a\"}\n", "!!"),
    ROWS(automatic, "{\"text\":\"a\"}\n[\"b\"]\n\"c\"\nnull\n", "1:a !!!"),
    ROWS(automatic, "{\n  \"text\": \"a\"\n}\n", "!!!"),
    ROWS(automatic, "[{\"text\":\"a\"},{\"text\":\"b\"}]\n", "FAIL"),
    ROWS(automatic, "\n [\n{\"text\":\"a\"},\n{\"text\":\"b\"}\n]\n", "FAIL"),
};

static const dialect line_dialects[] = {
    ROWS(automatic, "a\nb\r\nc", "1:a 2:b 3:c "),
    ROWS(automatic,
         "\xEF\xBB\xBF"
         "a\n\n b \n",
         "1:a !3: b  "),
    ROWS(automatic, "a\rb\nc\n", "1:a<CR>b 2:c "),
    ROWS(automatic, "a\rb\rc\r", "FAIL"),
    ROWS(automatic, "a\rb", "FAIL"),
    ROWS(automatic, "a\0b\n", "1:a<0>b "),
};

static char folder[200], path[240];

static int open_folder(void **state)
{
    (void)state;
    unit_temporary_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/in", folder);
    return 0;
}

static void append_text(buf *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        switch (text[i]) {
        case '\0':
            buf_append_string(out, "<0>");
            break;
        case '\n':
            buf_append_string(out, "<LF>");
            break;
        case '\r':
            buf_append_string(out, "<CR>");
            break;
        default:
            buf_append_char(out, text[i]);
        }
}

/* Appends the records read. From a position noted before, continues with another reader, as a run resumes after an
 * interruption. */
static void read_from(const text_reader_settings *settings, size_t skip, buf *out)
{
    text_reader *reader;
    text_record record;
    text_outcome outcome = TEXT_READ;
    aki_error error;
    if (text_reader_open(&reader, settings, &error) != AKI_OK) {
        buf_append_string(out, "REFUSED");
        return;
    }
    for (size_t i = 0; outcome == TEXT_READ || outcome == TEXT_BAD; i++) {
        if (i == skip) {
            line_position position = text_reader_position(reader);
            text_reader_close(reader);
            assert_int_equal(text_reader_open(&reader, settings, NULL), AKI_OK);
            assert_int_equal(text_reader_seek(reader, position, NULL), AKI_OK);
        }
        outcome = text_reader_next(reader, &record, &error);
        if (outcome == TEXT_READ) {
            buf_printf(out, "%d:", (int)record.line);
            append_text(out, record.text, record.length);
            buf_printf(out, record.id != NULL ? "|%s " : " ", record.id);
        } else if (outcome != TEXT_END) {
            buf_append_string(out, outcome == TEXT_BAD ? "!" : "FAIL");
            assert_true(error.message[0] != '\0' && error.hint[0] != '\0');
        }
    }
    text_reader_close(reader);
}

static void check(const dialect *dialects, size_t count, text_format format)
{
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        const dialect *d = &dialects[i];
        text_reader_settings settings = {.path = path,
                                         .format = format,
                                         .field = "text",
                                         .csv = *d->csv,
                                         .max_line_bytes = 1000,
                                         .stop_descriptor = -1};
        unit_write_file(path, d->input, d->length);
        for (size_t interrupted = 0; interrupted < 4; interrupted++) {
            buf found;
            buf_init(&found, 10000);
            buf_append_string(&found, "");
            read_from(&settings, interrupted > 0 ? interrupted - 1 : SIZE_MAX, &found);
            if (strcmp(found.data != NULL ? found.data : "", d->records) != 0) {
                print_error("%s\n  is read as   %s\n  and must be  %s\n", d->input, found.data, d->records);
                wrong++;
            }
            buf_free(&found);
        }
    }
    unlink(path);
    assert_int_equal(wrong, 0);
}

static void test_csv(void **state)
{
    (void)state;
    check(csv_dialects, sizeof csv_dialects / sizeof csv_dialects[0], TEXT_CSV);
}

static void test_jsonl(void **state)
{
    (void)state;
    check(jsonl_dialects, sizeof jsonl_dialects / sizeof jsonl_dialects[0], TEXT_JSONL);
}

static void test_lines(void **state)
{
    (void)state;
    check(line_dialects, sizeof line_dialects / sizeof line_dialects[0], TEXT_LINES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_jsonl),
        cmocka_unit_test(test_lines),
    };
    return cmocka_run_group_tests(tests, open_folder, NULL);
}
