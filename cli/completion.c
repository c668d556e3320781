/* completion.c — the shells' scripts, and what they ask: `synbakctl __complete -- WORD...` prints a
 * candidate a line, with its explanation behind a tab. Nothing printed: file names will do. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const char bash_script[] =
    "# bash completion for synbakctl, made by: synbakctl completion bash\n"
    "_synbakctl() {\n"
    "    local word\n"
    "    COMPREPLY=()\n"
    "    while IFS=$'\\t' read -r word _; do\n"
    "        COMPREPLY+=(\"$word\")\n"
    "    done < <(\"${COMP_WORDS[0]}\" __complete -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" "
    "2>/dev/null)\n"
    "}\n"
    "complete -o default -F _synbakctl synbakctl\n";

static const char zsh_script[] =
    "#compdef synbakctl\n"
    "# zsh completion for synbakctl, made by: synbakctl completion zsh\n"
    "_synbakctl() {\n"
    "    local -a candidates\n"
    "    local word text\n"
    "    while IFS=$'\\t' read -r word text; do\n"
    "        candidates+=(\"${word//:/\\\\:}:${text}\")\n"
    "    done < <(\"${words[1]}\" __complete -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
    "    if (( ${#candidates} )); then\n"
    "        _describe 'synbakctl' candidates\n"
    "    else\n"
    "        _files\n"
    "    fi\n"
    "}\n"
    "# sourced, or loaded by the first completion, which it then has to answer\n"
    "if [ \"$funcstack[1]\" = \"_synbakctl\" ]; then\n"
    "    _synbakctl\n"
    "else\n"
    "    compdef _synbakctl synbakctl\n"
    "fi\n";

static const char fish_script[] =
    "# fish completion for synbakctl, made by: synbakctl completion fish\n"
    "function __synbakctl_candidates\n"
    "    set -l words (commandline -opc)\n"
    "    set -l found ($words[1] __complete -- $words[2..-1] (commandline -ct) 2>/dev/null)\n"
    "    if test (count $found) -gt 0\n"
    "        printf '%s\\n' $found\n"
    "    else\n"
    "        __fish_complete_path (commandline -ct)\n"
    "    end\n"
    "end\n"
    "complete -c synbakctl -f -a '(__synbakctl_candidates)'\n";

int cmd_completion(struct cli *c, struct err *e)
{
    static const struct {
        const char *shell, *script;
    } scripts[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};
    const char *shell = args_operand(c->args, 0);

    for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
        if (strcmp(scripts[i].shell, shell) == 0) {
            (void)fputs(scripts[i].script, stdout);
            return EXIT_DONE;
        }
    return err_set(e, ERR_USAGE, "there are completions for bash, zsh and fish, not for \"%s\"",
                   shell);
}

struct wanted {
    struct cli *c;
    const char *partial; /* what is typed so far */
};

static void offer(const struct wanted *w, const char *word, const char *text)
{
    if (str_starts(word, w->partial) && !str_starts(word, "__"))
        (void)printf("%s\t%s\n", word, text);
}

/* The n-th words of the commands; `first` (NULL: n is 0) is what stands before. */
static void offer_commands(const struct wanted *w, const char *first)
{
    for (size_t i = 0; i < CMD_COUNT; i++) {
        const char *words = command_table[i].words, *space = strchr(words, ' ');
        if (first == NULL && space == NULL) {
            offer(w, words, command_table[i].help);
        } else if (first == NULL) {
            _cleanup_free_ char *group = mem_strndup(words, (size_t)(space - words));
            if (i == 0 || !str_starts(command_table[i - 1].words, group))
                offer(w, group, command_table[i].help);
        } else if (space != NULL && strlen(first) == (size_t)(space - words) &&
                   str_starts(words, first)) {
            offer(w, space + 1, command_table[i].help);
        }
    }
}

static void offer_options(const struct wanted *w, const struct command_spec *command)
{
    for (size_t i = 0; i < option_count; i++)
        if (option_belongs(&option_table[i], command))
            offer(w, option_table[i].name, option_table[i].help);
}

static void offer_words(const struct wanted *w, const char *const *words)
{
    for (; *words != NULL; words++)
        offer(w, *words, "");
}

/* Without synbakd: what the configuration names, if we may read it. */
static void offer_from_config(const struct wanted *w, const char *list, const char *text)
{
    if (cli_load_config(w->c, NULL) < 0)
        return;
    const struct config *config = w->c->config;
    for (size_t i = 0; str_equal(list, "jobs") && i < config->job_count; i++)
        offer(w, config->jobs[i]->name, text);
    for (size_t i = 0; str_equal(list, "destinations") && i < config->destination_count; i++)
        offer(w, config->destinations[i]->name, text);
}

/* Members of the objects in status' `list`. */
static void offer_from_status(const struct wanted *w, const char *list, const char *text)
{
    _cleanup_json_ json_t *status = NULL;
    json_t *o;
    size_t i;

    if (cli_call(w->c, "status", NULL, &status, &(struct err){0}) < 0) {
        offer_from_config(w, list, text);
        return;
    }
    json_array_foreach(json_object_get(status, list), i, o)
        offer(w, json_opt_string(o, "name", ""), text);
}

static void offer_runs(const struct wanted *w)
{
    _cleanup_json_ json_t *status = NULL;
    json_t *job, *run;
    size_t i, j;
    char number[24];

    if (cli_call(w->c, "status", NULL, &status, &(struct err){0}) < 0)
        return;
    json_array_foreach(json_object_get(status, "jobs"), i, job)
    {
        _cleanup_json_ json_t *runs = json_copy(json_object_get(job, "queued"));
        if (runs == NULL)
            runs = json_array();
        if (json_is_object(json_object_get(job, "running")))
            (void)json_array_append(runs, json_object_get(job, "running"));
        json_array_foreach(runs, j, run)
        {
            (void)snprintf(number, sizeof(number), "%lld", (long long)json_opt_i64(run, "run", 0));
            offer(w, number, json_opt_string(job, "name", ""));
        }
    }
}

static void offer_sets(const struct wanted *w)
{
    const char *slash = strchr(w->partial, '/');
    _cleanup_json_ json_t *result = NULL;
    json_t *set;
    size_t i;

    if (slash == NULL) {
        offer_from_status(w, "jobs", "the newest good set");
        return;
    }
    _cleanup_free_ char *job = mem_strndup(w->partial, (size_t)(slash - w->partial));
    if (cli_list(w->c, json_pack("{s:o}", "job", json_printable(job)), &result, &(struct err){0}) <
        0)
        return;
    const char *last = "";
    json_array_foreach(json_object_get(result, "sets"), i, set)
    {
        if (str_equal(json_opt_string(set, "id", ""), last))
            continue; /* the same set at another destination */
        last = json_opt_string(set, "id", "");
        _cleanup_free_ char *word = mem_printf("%s/%s", job, last);
        offer(w, word, json_opt_string(set, "state", ""));
    }
}

static void offer_sources(const struct wanted *w)
{
    if (cli_load_config(w->c, NULL) < 0)
        return;
    for (size_t i = 0; i < w->c->config->source_count; i++)
        offer(w, w->c->config->sources[i]->name, "");
}

static void offer_values(const struct wanted *w, enum completes kind)
{
    static const char *const tiers[] = {"hourly", "daily",  "weekly", "monthly",
                                        "yearly", "manual", NULL};
    static const char *const shells[] = {"bash", "zsh", "fish", NULL};

    switch (kind) {
    case C_JOB:
        offer_from_status(w, "jobs", "job");
        break;
    case C_SET:
        offer_sets(w);
        break;
    case C_DESTINATION:
        offer_from_status(w, "destinations", "destination");
        break;
    case C_SOURCE:
        offer_sources(w);
        break;
    case C_RUN:
        offer_runs(w);
        break;
    case C_TIER:
        offer_words(w, tiers);
        break;
    case C_SHELL:
        offer_words(w, shells);
        break;
    case C_FILE:
    case C_NONE:
        break;
    }
}

int cmd_complete(struct cli *c, struct err *e)
{
    const struct args *a = c->args;
    size_t count = a->operand_count, used = 0, words = 0;
    struct wanted w = {.c = c, .partial = count > 0 ? a->operands[count - 1] : ""};
    _cleanup_free_ const char **plain = mem_alloc((count + 1) * sizeof(char *));
    const struct option_spec *pending = NULL;

    (void)e;
    for (size_t i = 0; i + 1 < count; i++) {
        if (pending != NULL)
            pending = NULL; /* its value */
        else if (str_starts(a->operands[i], "--"))
            for (size_t j = 0; j < option_count && pending == NULL; j++)
                pending = strcmp(option_table[j].name, a->operands[i]) == 0 &&
                                  option_table[j].value != NULL
                              ? &option_table[j]
                              : NULL;
        else
            plain[words++] = a->operands[i];
    }
    const struct command_spec *command = words > 0 ? args_find_command(plain, words, &used) : NULL;
    if (pending != NULL)
        offer_values(&w, pending->completes);
    else if (str_starts(w.partial, "-"))
        offer_options(&w, command);
    else if (command == NULL)
        offer_commands(&w, words > 0 ? plain[0] : NULL);
    else if (words - used < command->max)
        offer_values(&w, command->completes);
    return EXIT_DONE;
}
