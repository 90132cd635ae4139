"""Every command that README.md and docs/ show is run by a test, and this says by which."""

import re

import pytest

from tests.support import PAGES, ROOT, blocks

RUN_BY = {
    # the server and its clients
    "make run": "test_make_run_serves",
    "make dev": "test_make_dev_serves_again_whenever_a_file_is_saved",
    "make stdio": "test_make_stdio_serves",
    "make connect": "test_what_is_typed_after_make_arrives_as_it_is",
    "make connect CLIENT=cursor WRITE=yes": "test_a_server_is_added_and_the_rest_is_left_as_it_is",
    "make inspect": "test_make_inspect_opens_the_inspector",
    "make inspect-cli": "test_make_inspect_cli_asks_this_server",
    ".venv/bin/python server.py": "test_it_runs_as_a_script_and_serves_what_it_found",
    ".venv/bin/uvicorn server:app": "test_uvicorn_serves_the_app",
    ".venv/bin/fastmcp run server.py": "test_fastmcp_runs_it_from_another_folder",
    "uvx --from . NAME": "test_the_configuration_in_the_docs_lets_uvx_install_and_run_it",
    "curl": "test_the_questions_get_answers",
    "curl --json": "test_what_the_docs_ask_them_gets_answers",
    "curl -H": "test_the_protected_server_lets_in_who_has_the_token_that_was_made",
    "export TOKEN=": "test_the_protected_server_lets_in_who_has_the_token_that_was_made",
    "MCP_AUTH=token": "test_the_protected_server_lets_in_who_has_the_token_that_was_made",
    # tests and upkeep
    "make test": "fresh",
    "make check": "test_make_check_and_make_format_find_nothing",
    "make format": "test_make_check_and_make_format_find_nothing",
    "make test-thorough": "test_the_other_tests_are_found",
    "make test-container": "test_the_other_tests_are_found",
    "make test-cluster": "test_the_other_tests_are_found",
    "make lock": "test_make_lock_changes_nothing_where_nothing_has_changed",
    "make clean": "test_make_clean_leaves_what_is_somebodys_own",
    # images
    "make image": "images",
    "make image-production": "test_what_ships_gets_the_name_that_registries_call_it",
    "make image-dev": "images",
    "make image-run": "test_a_verb_runs_an_image_until_it_is_interrupted",
    "make image-run-dev": "test_a_verb_runs_an_image_until_it_is_interrupted",
    "make image-report": "test_the_report_compares_size_start_and_memory",
    "make image-sbom": "test_the_sbom_is_valid_and_names_python_its_packages_and_the_libraries",
    "make image-multiarch": "test_the_matrix_builds_each_python_for_every_platform_and_tags_the_default_plainly",
    "make push": "test_push_builds_from_what_is_committed_and_so_from_nothing_that_git_ignores",
    "make server-json": "test_make_takes_what_is_given",
    "mkdir -p secrets": "test_it_comes_up_healthy_lets_in_who_has_a_token_and_goes_down_cleanly",
    "docker compose up": "test_it_comes_up_healthy_lets_in_who_has_a_token_and_goes_down_cleanly",
    "docker build": "test_the_build_without_make_gives_the_image_of_the_manifests",
    "docker exec NAME python": "test_what_a_tool_may_need_works_in_production",
    # clusters
    "make deploy": "test_from_nothing_to_validated_and_to_what_a_client_needs",
    "make redeploy": "test_from_nothing_to_validated_and_to_what_a_client_needs",
    "make deploy OVERLAY=": "test_a_redeploy_keeps_the_overlay",
    "cp -r k8s/overlays/production k8s/overlays/mine": "test_an_overlay_of_ones_own_is_a_copy",
    "make validate": "test_any_server_can_be_validated_without_a_cluster",
    ".venv/bin/python k8s/validate.py": "test_a_python_without_the_packages_says_which_one_has_them",
    "make rollout-test": "test_the_rollout_is_tested_with_the_token_of_the_secret",
    "make logs": "test_a_verb_is_one_kubectl",
    "make port-forward": "test_a_verb_is_one_kubectl",
    "make undeploy": "test_a_verb_is_one_kubectl",
    "make token": "test_the_token_is_printed_and_nothing_else",
    "kubectl apply --kustomize k8s/overlays/minikube": "test_an_overlay_is_valid",
    "minikube image load": "test_from_nothing_to_validated_and_to_what_a_client_needs",
}
OF_THE_TEMPLATE = {
    "make new": "test_it_has_its_own_name_and_its_first_commit",
    "uvx copier": "test_what_was_made_without_history_becomes_a_copy",
    "make update": "test_what_is_new_comes_and_what_is_mine_stays",
    'make update ARGS="--vcs-ref': "test_a_certain_release_can_be_had",
    'make update ARGS="--data': "test_an_extra_can_be_had_later",
    "git checkout --theirs": "test_locks_in_conflict_are_the_templates_plus_what_is_mine",
    "git fetch": "test_a_clone_merges",
    "git merge": "test_a_clone_merges",
    "git add": "test_what_was_made_without_history_becomes_a_copy",
    "git checkout -- .": "test_what_was_made_without_history_becomes_a_copy",
    "git commit": "test_what_was_made_without_history_becomes_a_copy",
}
OF_EXTRAS = {
    "make conformance": "test_every_verb_that_a_workflow_runs_exists",  # and CI runs it
    "kubectl apply --kustomize k8s/operators": "test_the_operators_crd_takes_it",
}
KNOWN = RUN_BY | OF_THE_TEMPLATE | OF_EXTRAS
TESTS = "".join(file.read_text() for file in (ROOT / "tests").rglob("*.py"))
PROGRAMS = r"make|curl|docker (?:build|exec|compose)|uvx|git (?:add|fetch|merge|commit|checkout)|kubectl|cp|minikube"


def commands() -> list[str]:
    shown = [line.partition("  #")[0].strip() for line in blocks("sh").splitlines()]
    text = "".join(page.read_text() for page in PAGES)
    return sorted({*filter(None, shown), *re.findall(rf"`((?:{PROGRAMS}|\.venv/bin/\w+) [^`]+)`", text)})


@pytest.mark.parametrize("command", commands())
def test_a_command_is_run_by_a_test(command):
    beginning = max((each for each in KNOWN if re.match(rf"{re.escape(each)}(?![\w-])", command)), key=len)
    if beginning not in OF_THE_TEMPLATE or (ROOT / "tests" / "copy").exists():
        assert re.search(rf"def {KNOWN[beginning]}\(", TESTS), KNOWN[beginning]


def test_no_command_is_known_that_is_not_shown():
    shown = commands()
    known = RUN_BY.keys() | (OF_THE_TEMPLATE.keys() if (ROOT / "tests" / "copy").exists() else set())
    assert not [each for each in known if not any(command.startswith(each) for command in shown)]
