<%@ page contentType="text/plain" %>hello from <%= application.getServerInfo() %>
