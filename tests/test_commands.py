"""Every command that the docs show is run by a test; this says by which, and has to be told of new ones.

What starts or fetches something big runs with less: the tests that `make test-thorough` would run are only collected, a
cluster is a program that writes down how it is called, and so on. The tests say it.
"""

import re

import pytest

from tests.pages import PAGES, blocks
from tests.support import ROOT

CURL = "test_the_questions_get_answers"
TOKEN = "test_the_protected_server_lets_in_who_has_the_token_that_was_made"
COLLECTED = "test_the_other_tests_are_found"
FORMATTED = "test_make_check_and_make_format_find_nothing"
CONNECTED = "test_what_is_typed_after_make_arrives_as_it_is"
INSPECTED = "test_make_inspect_cli_asks_this_server"
LOCKED = "test_make_lock_changes_nothing_where_nothing_has_changed"
BUILT = "images"
RUN = "test_a_verb_runs_an_image_until_it_is_interrupted"
COMPOSED = "test_it_comes_up_healthy_lets_in_who_has_a_token_and_goes_down_cleanly"
REGISTERED = "test_make_takes_what_is_given"
DEPLOYED = "test_from_nothing_to_validated_and_to_what_a_client_needs"
KUBECTL = "test_a_verb_is_one_kubectl"
VALIDATED = "test_any_server_can_be_validated_without_a_cluster"
UPDATED = "test_what_is_new_comes_and_what_is_mine_stays"
MERGED = "test_a_clone_merges"
PACKED = "test_make_packs_as_it_is_told"
LAMBDA = "test_the_commands_of_the_readme_fit_the_template"
ADOPTED = "test_what_was_made_without_history_becomes_a_copy"
STRIPPED = "test_a_clone_becomes_a_server_with_two_edited_files"

RUN_BY = {
    # the server and its clients
    "make run": "test_make_run_serves",
    'make run ARGS="--port 9000"': "test_make_run_serves",
    "make dev": "test_make_dev_serves_again_whenever_a_file_is_saved",
    "make stdio": "test_make_stdio_serves",
    "make connect": CONNECTED,
    "make connect CLIENT=cursor": CONNECTED,
    "make connect CLIENT=cursor URL=https://mcp.example.com/mcp": CONNECTED,
    "make connect CLIENT=cursor WRITE=yes": "test_a_server_is_added_and_the_rest_is_left_as_it_is",
    "make inspect": "test_make_inspect_opens_the_inspector",
    "make inspect-cli": INSPECTED,
    'make inspect-cli ARGS="--method resources/list"': INSPECTED,
    ".venv/bin/python server.py": "test_it_runs_as_a_script_and_serves_what_it_found",
    ".venv/bin/uvicorn server:app --workers 4": "test_uvicorn_serves_the_app",
    ".venv/bin/fastmcp run server.py": "test_fastmcp_runs_it_from_another_folder",
    "uvicorn server:app": "test_uvicorn_serves_the_app",
    "fastmcp run": "test_fastmcp_runs_it_from_another_folder",
    "uvx --from . NAME": "test_the_configuration_in_the_docs_lets_uvx_install_and_run_it",
    "export TOKEN=$(openssl rand -hex 32)": TOKEN,
    'MCP_AUTH=token MCP_AUTH_TOKENS="ann=$TOKEN account" make run ARGS="--host 0.0.0.0"': TOKEN,
    'curl -H "Authorization: Bearer $TOKEN" ...': TOKEN,
    # tests and upkeep
    "make test": "fresh",
    'make test ARGS="-k stdio"': "fresh",
    "make check": FORMATTED,
    "make format": FORMATTED,
    "make test-thorough": COLLECTED,
    "make test-container": COLLECTED,
    "make test-cluster": COLLECTED,
    "make conformance": "test_every_verb_that_a_workflow_runs_exists",
    "make lock": LOCKED,
    "make lock ARGS=--upgrade": LOCKED,
    "make clean": "test_make_clean_leaves_what_is_somebodys_own",
    # images
    "make image": BUILT,
    "make image-production": BUILT,
    "make image-dev": BUILT,
    "make image-run": RUN,
    'make image-run PUBLISH=127.0.0.1:9000 ARGS="--log-level debug"': RUN,
    "make image-run-dev": RUN,
    "make image-report": "test_the_report_compares_size_start_and_memory",
    "make image-sbom": "test_the_sbom_is_valid_and_names_python_its_packages_and_the_libraries",
    "make image-multiarch": "test_the_matrix_builds_each_python_for_every_platform_and_tags_the_default_plainly",
    "make push REGISTRY=ghcr.io/me": "test_push_builds_from_what_is_committed_and_so_from_nothing_that_git_ignores",
    "make server-json REGISTRY=ghcr.io/me": "test_make_takes_the_owner_and_the_repository_from_github",
    "make server-json URL=https://mcp.example.com/mcp": REGISTERED,
    "make server-json BUNDLE=dist/x.mcpb BUNDLE_URL=https://github.com/...": REGISTERED,
    'mkdir -p secrets && echo "ann=$(openssl rand -hex 32)" > secrets/tokens': COMPOSED,
    "docker compose up --detach --wait": COMPOSED,
    "docker build -f Dockerfile.production -t NAME:VERSION .": (
        "test_the_build_without_make_gives_the_image_of_the_manifests"
    ),
    "docker exec NAME python -c ...": "test_what_a_tool_may_need_works_in_production",
    # the adapter
    "make adapter PACKAGE=mcp-server-time": "test_server_time_knows_the_time_and_where_it_belongs_was_found_out",
    "make adapter PACKAGE=@modelcontextprotocol/server-filesystem ARGS=/srv/files": "test_server_filesystem_reads",
    'make adapter COMMAND="node dist/index.js"': "test_make_adapter_runs_a_command",
    "python -m ship.adapter": "test_without_anything_the_command_line_says_what_is_missing",
    "python -m ship.adapter check mcp-server-tiem": (
        "test_the_real_registries_answer_a_misspelt_name_with_the_right_one"
    ),
    "python -m ship.adapter detect .": "test_what_is_in_a_folder_is_found_out",
    "python -m ship.adapter fly": "test_the_command_line_prints_it",
    # benchmarks
    "make bench": "test_a_small_run_measures_what_it_is_told_without_errors",
    "make bench-quick": "test_a_small_run_measures_what_it_is_told_without_errors",
    "make bench-adapter": "test_a_small_run_measures_all_contenders_around_both_servers_without_errors",
    "make adapter-image PACKAGE=mcp-server-time": (
        "test_a_package_is_baked_by_name_and_where_it_is_from_is_not_on_the_command_line"
    ),
    "make adapter-image-run PACKAGE=mcp-server-time": (
        "test_a_container_gets_what_was_typed_and_its_childs_variables_by_name"
    ),
    "kubectl apply --kustomize ship/adapter/k8s": "test_it_is_what_clusters_know",
    # bundles
    "make bundle": PACKED,
    "make bundle PYTHON_VERSION=3.13 PLATFORM=macos": PACKED,
    "make bundle TYPE=uv": PACKED,
    "make mcpb-image": "test_the_newest_python_is_also_what_one_gets_without_saying_which",
    "BUNDLE_URL=https://example.com/x.mcpb BUNDLE_SHA256=... USER_CONFIG_API_KEY=... make mcpb-image-run": (
        "test_what_is_configured_gets_into_the_container_by_name"
    ),
    "make mcpb-image-run": "test_what_is_configured_gets_into_the_container_by_name",
    "make mcpb-image-multiarch": "test_the_matrix_builds_each_python_for_every_platform_into_a_file_each",
    "make mcpb-push REGISTRY=ghcr.io/me": "test_what_is_pushed_is_built_from_what_is_committed",
    "python -m ship.mcpb": "test_its_help_names_its_settings",
    "kubectl apply --kustomize ship/mcpb/k8s": "test_a_bundle_in_a_cluster_is_what_clusters_know",
    # AWS Lambda
    'aws secretsmanager create-secret --name mcp-tokens --secret-string "ann=$(openssl rand -hex 32)"': LAMBDA,
    "make lambda PYTHON_VERSION=3.13 ARCHITECTURE=arm64": "test_make_lambda_takes_what_is_typed",
    "sam deploy --template-file ship/aws_lambda/template.yaml --stack-name mcp --resolve-s3 --capabilities "
    "CAPABILITY_IAM --parameter-overrides TokenSecret=mcp-tokens Runtime=python3.13 Architecture=arm64": LAMBDA,
    "aws cloudformation describe-stacks --stack-name mcp --query \"Stacks[0].Outputs[?OutputKey=='Url'].OutputValue\" "
    "--output text": LAMBDA,
    "make connect CLIENT=cursor URL=https://x.lambda-url.us-east-1.on.aws/mcp": CONNECTED,
    "make lambda": "test_make_lambda_takes_what_is_typed",
    "make lambda-image": "lambda_image",
    "ZIP_URL=https://example.com/server.zip S3_BUCKET=my-builds S3_KEY=server.zip make lambda-image-run": (
        "test_what_a_build_is_told_gets_into_the_container_by_name"
    ),
    "make lambda-image-run": "test_what_a_build_is_told_gets_into_the_container_by_name",
    # clusters
    "make deploy": DEPLOYED,
    "make deploy OVERLAY=mine": "test_a_redeploy_keeps_the_overlay",
    "make redeploy": DEPLOYED,
    "make validate": VALIDATED,
    "make validate URL=https://mcp.example.com": VALIDATED,
    ".venv/bin/python k8s/validate.py": "test_a_python_without_the_packages_says_which_one_has_them",
    "make rollout-test": "test_the_rollout_is_tested_with_the_token_of_the_secret",
    "make logs": KUBECTL,
    "make port-forward": KUBECTL,
    "make token": "test_the_token_is_printed_and_nothing_else",
    "make undeploy": "test_undeploy_removes_what_the_overlay_has",
    "cp -r k8s/overlays/production k8s/overlays/mine": "test_an_overlay_of_ones_own_is_a_copy",
    "minikube image load NAME:VERSION": DEPLOYED,
    "kubectl apply --kustomize k8s/overlays/minikube": "test_an_overlay_is_valid",
    "kubectl apply --kustomize k8s/operators/sig": "test_the_operators_crd_takes_it",
}
RUN_BY_THE_TEMPLATE = {
    'make new NAME=weather DEST=../weather DESCRIPTION="What the weather is like"': (
        "test_it_has_its_own_name_and_its_first_commit"
    ),
    "uvx copier copy SOURCE weather": ADOPTED,
    "git rm -rq --ignore-unmatch copier.yml '*.jinja' ship/copy tests/copy .ci": STRIPPED,
    "make update": UPDATED,
    'make update ARGS="--vcs-ref v0.2.0"': "test_a_certain_release_can_be_had",
    'make update ARGS="--data extras=[operators,conformance]"': "test_an_extra_can_be_had_later",
    "uvx copier update --skip-answered": UPDATED,
    "git diff --diff-filter=D": UPDATED,
    "git checkout --theirs requirements.txt": "test_locks_in_conflict_are_the_templates_plus_what_is_mine",
    "git fetch SOURCE": MERGED,
    "git merge FETCH_HEAD": MERGED,
    "uvx copier copy --vcs-ref RELEASE SOURCE ../answers": ADOPTED,
    "mv ../answers/.copier-answers.yml .": ADOPTED,
    "rm -r ../answers": ADOPTED,
    "git add .copier-answers.yml": ADOPTED,
    'git commit --message "This was made from the template"': ADOPTED,
}
NO_COMMAND = {"docker run", "docker stats", "git diff", "git rm", "git status", "npx -y", "sam build"}
"""What is only spoken of."""
PROGRAMS = "aws|claude|copier|cp|curl|docker|fastmcp|git|kubectl|make|minikube|mv|npm|npx|pip|python|sam|uv|uvicorn|uvx"
IS_TEMPLATE = (ROOT / "copier.yml").exists()
TESTS = "".join(file.read_text() for file in (ROOT / "tests").rglob("*.py"))
SHOWN = [line.partition("  #")[0].rstrip() for line in blocks("sh").splitlines() if line]
SPOKEN_OF = re.findall(rf"`((?:{PROGRAMS}|\.venv/bin/\w+) [^`]+)`", "".join(page.read_text() for page in PAGES))


def run_by_which(command: str) -> str | None:
    if command in SHOWN and command.startswith("curl "):
        return CURL  # which finds them by itself
    return (RUN_BY | RUN_BY_THE_TEMPLATE).get(command)


@pytest.mark.parametrize("command", sorted({*SHOWN, *SPOKEN_OF} - NO_COMMAND))
def test_a_command_is_run_by_a_test(command):
    run_by = run_by_which(command)
    assert run_by, f"{command}: which test runs this?"
    if command not in RUN_BY_THE_TEMPLATE or IS_TEMPLATE:
        assert re.search(rf"def {run_by}\(", TESTS), run_by


def test_no_command_is_known_that_is_not_shown():
    unknown = {*RUN_BY, *RUN_BY_THE_TEMPLATE} - {*SHOWN, *SPOKEN_OF}
    assert not unknown or not IS_TEMPLATE  # elsewhere, pages and extras may have been left out
