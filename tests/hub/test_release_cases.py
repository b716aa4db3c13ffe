"""A table of the release's promises: case, expected outcome, and the test that sees it."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
# Case | expected | file of the tests: functions that see it.
CASES = """
change of the base | what verify would refuse leaves the branch, licences stay | hub/test_push.py: test_what_an_earlier_base_left_is_taken_away_and_licences_stay, test_the_plan_names_what_would_be_taken_away
manifest that names a path outside | refused by name, nothing is read there | hub/test_manifest.py: test_a_name_that_leads_out_is_refused, test_names_from_elsewhere_are_checked_too
manifest with sizes or counts without bounds | refused by key | hub/test_manifest.py: test_a_value_that_cannot_be_is_refused
manifest.json of a web app | "no release of this package" | hub/test_manifest.py: test_a_file_of_another_kind_is_no_release
10,000 random manifests | read, or one line | hub/test_manifest.py: test_ten_thousand_manifests_are_read_or_refused
push-data of an empty or wrong folder | refused, nothing is removed | hub/test_data.py: test_a_folder_that_is_none_of_ours_removes_nothing
links out of the folder, dot folders | refused; left out | hub/test_data.py: test_hidden_folders_stay_here_and_links_out_are_refused
tag or repository that cannot be | refused before the first byte | hub/test_push.py: test_a_tag_that_cannot_be_is_refused_before_the_first_byte, test_a_repository_that_cannot_be_is_refused_before_the_first_byte, test_a_tag_that_is_a_branch_is_refused_before_anything_is_sent
ask and verify on a wrong folder | one line, with the right folder | hub/test_wrong_folders.py: test_a_damaged_model_is_one_line, test_a_folder_one_level_too_high_names_the_right_one, test_a_name_that_is_no_folder_and_no_repository_is_one_line
template that never ends | ends at a limit | hub/test_wrong_folders.py: test_a_template_has_bounds
token with a non-ASCII sign | one line without it | hub/test_retries.py: test_a_token_that_no_header_can_hold_is_one_line_without_it
lost answer to the end of an upload | asked about, one push suffices | hub/test_push.py: test_an_upload_that_the_storage_says_is_over_is_asked_about_again
signed address of the storage | not in logs | hub/test_retries.py: test_signatures_of_upload_addresses_are_not_shown, test_signatures_of_addresses_are_not_in_the_clients_log
long wait that the Hub asks for | said before it begins | hub/test_retries.py: test_a_long_wait_is_said_before_it_begins
full account | told so, no advice to log in | hub/test_retries.py: test_a_full_account_is_not_told_to_log_in
push that succeeds | names commit and address | hub/test_push.py: test_command_line_says_the_commit_and_the_address
made-up data | one sentence everywhere, no result of a real benchmark | hub/test_release.py: test_made_up_data_is_said_and_claims_no_result; hub/test_data.py: test_made_up_rows_are_said_to_be; curated/test_croissant.py: test_made_up_rows_are_said_to_be_and_are_based_on_no_set, test_words_of_personal_data_are_spelled_right; paper/test_paper.py: test_pdf_of_made_up_data_says_so
card of a package without an address | says so, or names it | hub/test_release.py: test_the_card_says_where_its_command_comes_from
figures and paper in three renderers | every label has ink | figures/test_figures.py: test_renderers_draw_the_same_ink, test_lost_ink_is_found; paper/test_paper.py: test_renderers_draw_the_same_ink_on_every_page
folder for the Hub | load_dataset reads it | hub/test_data.py: test_load_dataset_reads_the_folder
croissant.json | mlcroissant accepts it, its records equal the rows | curated/test_croissant.py: test_mlcroissant_accepts_it_and_reads_the_rows_back
RO-Crate | no recommended check fails but one that cannot hold | hub/test_provenance.py: test_the_validator_recommends_nothing_more, test_the_validator_still_wants_what_cannot_be, test_an_absolute_id_of_the_workflow_fails_a_required_check, test_a_crate_read_and_written_by_the_library_says_the_same
one action a job | inputs, outputs and the lock of its environment | hub/test_provenance.py: test_every_job_behind_the_release_is_one_action
results in the Hub's form | plain numbers of the score files | hub/test_release.py: test_they_hold_plain_numbers_of_the_score_files
head of the card | the base's relation, and datasets that lie on the Hub | hub/test_release.py: test_head_is_understood_by_the_hubs_own_reader, test_an_adapter_is_related_to_its_base_as_one, test_datasets_on_the_hub_are_named_by_their_own_entries
emissions | measured energy times a stated intensity, or none | hub/test_emissions.py: test_the_cards_head_has_grams_and_says_what_was_measured, test_nothing_is_said_where_nothing_was_measured, test_a_figure_without_its_measurement_is_refused
.zenodo.json | Zenodo's own schema takes it | workflow/test_release_command.py: test_zenodos_schema_takes_it
citation | citation.bib names what CITATION.cff names | workflow/test_release_command.py: test_bibtex_names_what_the_citation_names
Space | compiles and loads the release by its tag | hub/test_space.py: test_the_app_compiles_and_loads_the_release_by_its_tag
quantised copy | its own agreement and tokenizer on the card | hub/test_gguf.py: test_llama_cpps_own_converter_there_and_back; hub/test_gguf_release.py: test_the_card_says_how_to_run_it_and_how_near_it_is
fields on responsible use | from each source's own entry | curated/test_croissant.py: test_fields_on_responsible_use_are_from_each_sources_own_entry
Every Eval Ever | the package's validator accepts both files | scores/test_export.py: test_the_packages_own_validator_accepts_both_files
two runs or releases | first stage, key and file that differ | hub/test_compare.py: test_the_first_stage_key_and_file_are_named, test_two_releases_of_the_hub_are_compared
"""  # noqa: E501
ROWS = [tuple(line.split(" | ")) for line in CASES.strip().splitlines()]


@pytest.mark.parametrize(("case", "expected", "seen"), ROWS, ids=[row[0] for row in ROWS])
def test_each_case_of_the_table_has_its_test(case, expected, seen):
    assert expected
    for part in seen.split("; "):
        file, _, names = part.partition(": ")
        tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
        there = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert set(names.split(", ")) <= there, case
