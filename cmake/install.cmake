# `cmake --install` puts everything in its place. Packagers set CMAKE_INSTALL_PREFIX=/usr.
pkg_get_variable(SYSTEMD_UNIT_DIR systemd systemdsystemunitdir)
pkg_get_variable(SYSUSERS_DIR systemd sysusersdir)
pkg_get_variable(TMPFILES_DIR systemd tmpfilesdir)
foreach(pair "SYSTEMD_UNIT_DIR;lib/systemd/system" "SYSUSERS_DIR;lib/sysusers.d" "TMPFILES_DIR;lib/tmpfiles.d")
  list(GET pair 0 variable)
  list(GET pair 1 fallback)
  if(NOT ${variable})
    set(${variable} ${CMAKE_INSTALL_PREFIX}/${fallback})
  endif()
endforeach()

configure_file(systemd/synbakd.service.in ${CMAKE_BINARY_DIR}/systemd/synbakd.service @ONLY)

if(TARGET synbakd AND TARGET synbakctl AND TARGET synbak-worker)
  install(TARGETS synbakd synbakctl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(TARGETS synbak-worker RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/synbak)
endif()
# The shells' completions, as the program itself prints them.
if(TARGET synbakctl)
  set(COMPLETIONS ${CMAKE_BINARY_DIR}/completions)
  file(MAKE_DIRECTORY ${COMPLETIONS})
  add_custom_command(
    TARGET synbakctl POST_BUILD
    COMMAND synbakctl completion bash > ${COMPLETIONS}/synbakctl
    COMMAND synbakctl completion zsh > ${COMPLETIONS}/_synbakctl
    COMMAND synbakctl completion fish > ${COMPLETIONS}/synbakctl.fish
    VERBATIM)
  install(FILES ${COMPLETIONS}/synbakctl DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${COMPLETIONS}/_synbakctl DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES ${COMPLETIONS}/synbakctl.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()

install(FILES ${CMAKE_BINARY_DIR}/systemd/synbakd.service systemd/synbakd.socket DESTINATION ${SYSTEMD_UNIT_DIR})
install(FILES systemd/synbak.sysusers DESTINATION ${SYSUSERS_DIR} RENAME synbak.conf)
install(FILES systemd/synbak.tmpfiles DESTINATION ${TMPFILES_DIR} RENAME synbak.conf)
# The sample becomes the configuration only where there is none yet.
install(FILES etc/synbak.conf DESTINATION ${CMAKE_INSTALL_DOCDIR})
# file(INSTALL) puts DESTDIR before its destination itself.
install(CODE "
  set(place \"${CMAKE_INSTALL_FULL_SYSCONFDIR}/synbak\")
  if(NOT EXISTS \"\$ENV{DESTDIR}\${place}/synbak.conf\")
    file(INSTALL \"${CMAKE_SOURCE_DIR}/etc/synbak.conf\" DESTINATION \"\${place}\")
  endif()")
install(FILES docs/man/synbakctl.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 OPTIONAL)
install(FILES docs/man/synbakd.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8 OPTIONAL)
install(FILES docs/man/synbak.conf.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5 OPTIONAL)
install(FILES README.md CHANGELOG.md docs/architecture.md docs/plain-format.md docs/runbook.md docs/roadmap.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)
